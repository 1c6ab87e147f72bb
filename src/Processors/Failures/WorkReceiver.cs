using Pipeline.Contracts.Events;
using Pipeline.Processors.Failures.RabbitMq;
using RabbitMQ.Client;

namespace Pipeline.Processors.Failures;

/// <summary>How a road tries a record again that failed before.</summary>
/// <param name="Road">The road's name, which is the routing key of its retries.</param>
/// <param name="HandleAsync">Returns when the record's outcome is recorded. Throws <see cref="RecordFailedException"/> or anything else when it is not.</param>
sealed record RetriedRoad(string Road, Func<FailedRecord, CancellationToken, Task> HandleAsync)
{
    /// <summary>The same for a record that is tried alone, because a process ended while it held it.</summary>
    public Func<FailedRecord, CancellationToken, Task> HandleAloneAsync { get; init; } = HandleAsync;
}

/// <summary>A record failed, and the one who knows why says so.</summary>
sealed class RecordFailedException(FailureCause cause, Exception? inner = null) : Exception(cause.Message, inner)
{
    public FailureCause Cause { get; } = cause;
}

/// <summary>
/// Takes a road's retries from their queue. A message is acknowledged after its record succeeded, or after its next hand-over was confirmed:
/// a crash in between delivers it again. One that ends the process is stopped by its queue's delivery limit and becomes a dead letter there.
/// </summary>
sealed class WorkReceiver(RetriedRoad road, RetryLadder ladder, FailureTools tools) : BackgroundService
{
    readonly MessageHandling _messages = new(road.Road, ladder, tools);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, tools.Stop.Refusing);
        await tools.Ready.WaitAsync(ending.Token);
        await Task.WhenAll(
            tools.Receiver.RunAsync(new ReceivedQueue(tools.Names.WorkQueue(road.Road), ExchangeType.Fanout), HandleOrSetAsideAsync, tools.Stop.Abandoning, ending.Token),
            tools.Receiver.RunAsync(new ReceivedQueue(tools.Names.AloneQueue(road.Road), ExchangeType.Fanout, Prefetch: 1), (message, lost) => _messages.HandleAsync(message, road.HandleAloneAsync, lost), tools.Stop.Abandoning, ending.Token));
    }

    /// <summary>
    /// A death counts against every message that the process held. Those are tried one at a time from then on, from a queue of their own, so that the one that
    /// ends processes is found and the others are not taken for it.
    /// </summary>
    Task HandleOrSetAsideAsync(Delivery message, CancellationToken lost)
    {
        if (message.IsRepeated && FailureMessage.TryRead(message.Properties, message.Body, out var record, out var dead) && !dead)
            return _messages.HandOverAsync(stop => ladder.SetAsideAsync(record!, stop), message, lost);
        return _messages.HandleAsync(message, road.HandleAsync, lost);
    }
}
