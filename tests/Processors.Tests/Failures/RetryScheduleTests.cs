using Pipeline.Contracts.Events;
using Pipeline.Processors.Failures;

namespace Pipeline.Processors.Tests.Failures;

public sealed class RetryScheduleTests
{
    static readonly TimeSpan[] Delays = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(10)];

    static FailureCause Cause(string kind) => new("processing", kind, FaultReason.InvalidValue, "why");

    [Fact]
    public void A_passing_failure_climbs_one_rung_an_attempt_and_ends_after_the_last()
    {
        var schedule = new RetrySchedule(Delays, 5);
        Assert.Equal([RetryStep.After(Delays[0]), RetryStep.After(Delays[1]), RetryStep.After(Delays[2]), RetryStep.After(Delays[3]), RetryStep.Dead(FaultReason.RetriesExhausted)],
            Enumerable.Range(1, 5).Select(attempt => schedule.Next(attempt, Cause(FailureCause.Transient))));
        Assert.Equal(RetryStep.Dead(FaultReason.RetriesExhausted), schedule.Next(6, Cause(FailureCause.Transient)));
    }

    [Theory]
    [InlineData(FailureCause.Invalid)]
    [InlineData(FailureCause.Fatal)]
    public void What_can_never_work_is_a_dead_letter_at_once_for_its_own_reason(string kind) =>
        Assert.Equal(RetryStep.Dead(FaultReason.InvalidValue), new RetrySchedule(Delays, 5).Next(1, Cause(kind)));

    [Fact]
    public void The_last_delay_repeats_where_there_are_more_attempts_than_delays()
    {
        var schedule = new RetrySchedule([Delays[0], Delays[1]], 5);
        Assert.Equal([Delays[0], Delays[1], Delays[1], Delays[1]], Enumerable.Range(1, 4).Select(attempt => schedule.Next(attempt, Cause(FailureCause.Transient)).Delay!.Value));
    }

    [Fact]
    public void Altogether_a_record_waits_for_the_delay_after_each_attempt_but_the_last()
    {
        Assert.Equal(TimeSpan.FromSeconds(1 + 10 + 60 + 600), new RetrySchedule(Delays, 5).Whole);
        Assert.Equal(TimeSpan.FromSeconds(1 + 10 + 10 + 10), new RetrySchedule([Delays[0], Delays[1]], 5).Whole);
        Assert.Equal(TimeSpan.FromSeconds(1), new RetrySchedule(Delays, 2).Whole);
        Assert.Equal(TimeSpan.Zero, new RetrySchedule(Delays, 1).Whole);
    }

    [Fact]
    public void With_one_attempt_nothing_is_tried_again() =>
        Assert.Equal(RetryStep.Dead(FaultReason.RetriesExhausted), new RetrySchedule(Delays, 1).Next(1, Cause(FailureCause.Transient)));
}
