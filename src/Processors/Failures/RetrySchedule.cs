using Pipeline.Contracts.Events;

namespace Pipeline.Processors.Failures;

/// <summary>What happens next with a record that failed: it waits on a rung of the ladder, or it is a dead letter for a reason.</summary>
/// <param name="Delay">Null: it is not tried again.</param>
readonly record struct RetryStep(TimeSpan? Delay, FaultReason DeadLetter)
{
    public static RetryStep After(TimeSpan delay) => new(delay, FaultReason.None);

    public static RetryStep Dead(FaultReason reason) => new(null, reason);
}

/// <summary>Decides when a failed record is tried again, and when no more. Pure.</summary>
sealed class RetrySchedule(IReadOnlyList<TimeSpan> delays, int attemptsMax)
{
    static readonly FailureCause Passing = new("processing", FailureCause.Transient, FaultReason.None, "");

    /// <summary>How long a record waits altogether that fails at every attempt.</summary>
    public TimeSpan Whole => Enumerable.Range(1, attemptsMax).Aggregate(TimeSpan.Zero, (sum, attempt) => sum + (Next(attempt, Passing).Delay ?? TimeSpan.Zero));

    /// <param name="attempt">How often the record was tried, from 1.</param>
    public RetryStep Next(int attempt, FailureCause cause)
    {
        if (cause.Kind != FailureCause.Transient)
            return RetryStep.Dead(cause.Reason);
        return attempt >= attemptsMax ? RetryStep.Dead(FaultReason.RetriesExhausted) : RetryStep.After(delays[Math.Clamp(attempt, 1, delays.Count) - 1]);
    }
}
