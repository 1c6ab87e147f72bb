using Pipeline.Processors.Failures.RabbitMq;

namespace Pipeline.Processors.Failures;

/// <summary>
/// Hands failed records over to RabbitMQ: to the queue of their next delay, from which they come back to their road, or to the dead letters.
/// A hand-over returns only when a queue holds the record; the caller moves its offset, or acknowledges its message, after that and never before.
/// </summary>
sealed class RetryLadder(RabbitMqPublisher publisher, RabbitMqTopology topology, RetrySchedule schedule, ProcessorMetrics metrics)
{
    /// <exception cref="RabbitMqUnavailableException">Not handed over, or not known to be.</exception>
    public async Task<RetryStep> FailAsync(FailedRecord record, CancellationToken stop)
    {
        var step = schedule.Next(record.Attempt, record.Cause);
        await publisher.PublishAsync([Message(record, step)], stop);
        metrics.HandedOver(record.Log.Consumer, step.Delay is null ? "dead_letter" : "retry");
        return step;
    }

    /// <summary>The same for many records, all under way at once.</summary>
    public async Task FailAsync(IReadOnlyCollection<FailedRecord> records, CancellationToken stop)
    {
        var steps = records.Select(r => (Record: r, Step: schedule.Next(r.Attempt, r.Cause))).ToList();
        await publisher.PublishAsync([.. steps.Select(s => Message(s.Record, s.Step))], stop);
        foreach (var (record, step) in steps)
            metrics.HandedOver(record.Log.Consumer, step.Delay is null ? "dead_letter" : "retry");
    }

    /// <summary>Puts a record among those of its road that are tried one at a time.</summary>
    public async Task SetAsideAsync(FailedRecord record, CancellationToken stop)
    {
        await publisher.PublishAsync([FailureMessage.Write(record, topology.Names.Work, dead: false) with { RoutingKey = RabbitMqNames.AloneKey(record.Log.Consumer) }], stop);
        metrics.HandedOver(record.Log.Consumer, "alone");
    }

    OutgoingMessage Message(FailedRecord record, RetryStep step)
    {
        if (step.Delay is { } delay)
            return FailureMessage.Write(record, topology.Names.Retry(delay), dead: false);
        // The last cause keeps its words and its fingerprint; that it was the last is the reason.
        var final = record with { Cause = record.Cause with { Reason = step.DeadLetter, Fingerprint = record.Fingerprint } };
        return FailureMessage.Write(final, topology.Names.DeadLetters, dead: true);
    }
}
