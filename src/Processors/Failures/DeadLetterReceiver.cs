using Pipeline.Contracts.Events;
using Pipeline.Processors.Failures.RabbitMq;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;
using RabbitMQ.Client;

namespace Pipeline.Processors.Failures;

/// <summary>
/// Empties the queue of dead letters into <c>control.dead_letters</c>. A letter whose place is known already, as those of events-postgres are, is only
/// acknowledged. While PostgreSQL is down it holds the messages it has and takes no more.
/// </summary>
sealed class DeadLetterReceiver(DeadLetterWriter letters, Breaker postgres, ProcessorMetrics metrics, Task schemaReady, FailureTools tools) : BackgroundService
{
    public IReadOnlyList<DeadLetterFollower> Followers { get; init; } = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, tools.Stop.Refusing);
        await Task.WhenAll(schemaReady, tools.Ready).WaitAsync(ending.Token);
        await tools.Receiver.RunAsync(new ReceivedQueue(tools.Names.DeadLetters, ExchangeType.Topic), (message, _) => StoreAsync(message), tools.Stop.Abandoning, ending.Token);
    }

    async Task StoreAsync(Delivery message)
    {
        var record = DeadMessages.Read(message.Queue, message.Properties, message.Body, tools.Clock.GetUtcNow());
        if (record.Cause.Reason == FaultReason.UnreadableMessage)
            tools.Log.UnreadableMessage(message.Queue, record.Log.TopicId);
        // Acknowledged after it is stored: a crash in between delivers it again, and then it is known.
        await tools.PersistAsync(message.Queue, async stop => metrics.LetterReceived(await StoreAsync(record, message, stop)), message.Stopping);
        foreach (var follower in Followers.Where(f => f.Consumer == record.Log.Consumer))
            await tools.PersistAsync(message.Queue, stop => follower.FollowAsync(record, stop), message.Stopping);
    }

    async Task<bool> StoreAsync(FailedRecord record, Delivery message, CancellationToken stop)
    {
        try
        {
            return await postgres.RunAsync(inner => letters.WriteReceivedAsync(record.Log, Letter(record), inner), stop);
        }
        catch (Exception e) when (PostgresFaults.Classify(e) == StoreFault.Refused)
        {
            // A message that looks like ours, with values that no table holds: its bytes are kept all the same.
            var stranger = DeadMessages.Unreadable(message.Queue, message.Properties, message.Body, tools.Clock.GetUtcNow());
            return await letters.WriteReceivedAsync(stranger.Log, Letter(stranger), stop);
        }
    }

    /// <summary>A failed record as the letter that is stored.</summary>
    public static DeadLetter Letter(FailedRecord record) => new()
    {
        Offset = record.Offset,
        Tenant = record.Tenant,
        Fault = new EventFault(record.Cause.Reason),
        Stage = record.Cause.Stage,
        Kind = record.Cause.Kind,
        Message = record.Cause.Message,
        Fingerprint = record.Fingerprint,
        Key = record.Key,
        Value = record.Value,
        Headers = record.Headers,
        LoggedAtUs = (record.LoggedAt - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond,
        FailedFirst = record.FailedFirst,
        FailedLast = record.FailedLast,
        Attempts = record.Attempt,
        Algorithm = record.Algorithm,
        AlgorithmVersion = record.AlgorithmVersion,
    };
}
