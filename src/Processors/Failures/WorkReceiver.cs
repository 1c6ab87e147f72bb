using Pipeline.Contracts.Events;
using Pipeline.Processors.Failures.RabbitMq;
using RabbitMQ.Client;

namespace Pipeline.Processors.Failures;

/// <summary>How a road tries a record again that failed before.</summary>
/// <param name="Road">The road's name, which is the routing key of its retries.</param>
/// <param name="HandleAsync">Returns when the record's outcome is recorded. Throws <see cref="RecordFailedException"/> or anything else when it is not.</param>
sealed record RetriedRoad(string Road, Func<FailedRecord, CancellationToken, Task> HandleAsync);

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
    /// <summary>Well below RabbitMQ's consumer timeout of 30 minutes, after which it would take the message back and count a delivery.</summary>
    static readonly TimeSpan WaitMost = TimeSpan.FromMinutes(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, tools.Stop.Refusing);
        await tools.Ready.WaitAsync(ending.Token);
        await Task.WhenAll(
            tools.Receiver.RunAsync(new ReceivedQueue(tools.Names.WorkQueue(road.Road), ExchangeType.Fanout), HandleOrSetAsideAsync, tools.Stop.Abandoning, ending.Token),
            tools.Receiver.RunAsync(new ReceivedQueue(tools.Names.AloneQueue(road.Road), ExchangeType.Fanout, Prefetch: 1), HandleAsync, tools.Stop.Abandoning, ending.Token));
    }

    /// <summary>
    /// A death counts against every message that the process held. Those are tried one at a time from then on, from a queue of their own, so that the one that
    /// ends processes is found and the others are not taken for it.
    /// </summary>
    Task HandleOrSetAsideAsync(Delivery message, CancellationToken lost)
    {
        if (message.IsRepeated && FailureMessage.TryRead(message.Properties, message.Body, out var record, out var dead) && !dead)
            return HandOverAsync(stop => ladder.SetAsideAsync(record!, stop), message, lost);
        return HandleAsync(message, lost);
    }

    async Task HandleAsync(Delivery message, CancellationToken lost)
    {
        if (!FailureMessage.TryRead(message.Properties, message.Body, out var record, out var dead) || dead)
        {
            var letter = DeadMessages.Unreadable(message.Queue, message.Properties, message.Body, tools.Clock.GetUtcNow());
            tools.Log.UnreadableMessage(message.Queue, letter.Log.TopicId);
            await HandOverAsync(stop => ladder.FailAsync(letter, stop), message, lost);
            return;
        }
        var attempt = await TryAsync(record!, message, lost);
        if (attempt.Waits)
            await HandOverAsync(stop => ladder.SetAsideAsync(record!, stop), message, lost);
        else if (attempt.Cause is { } cause)
            await HandOverAsync(stop => ladder.FailAsync(record!.Again(cause, tools.Clock.GetUtcNow()), stop), message, lost);
        // A crash before the acknowledgement delivers the message again: the record is tried, or handed over, once more.
    }

    /// <param name="Waits">A dependency is away: it was not tried.</param>
    /// <param name="Cause">Null when the record succeeded.</param>
    readonly record struct Attempt(bool Waits, FailureCause? Cause);

    async Task<Attempt> TryAsync(FailedRecord record, Delivery message, CancellationToken lost)
    {
        var started = tools.Clock.GetTimestamp();
        while (true)
        {
            try
            {
                await road.HandleAsync(record, lost);
                return default;
            }
            catch (DependencyUnavailableException e)
            {
                // A breaker is open: no fault of this record, and no attempt. Held for long, or given back by a stop, it would be counted as one.
                if (message.Stopping.IsCancellationRequested || tools.Clock.GetElapsedTime(started) > WaitMost)
                    return new Attempt(true, null);
                await Task.Delay(e.RetryAfter + Backoff.After(0), tools.Clock, message.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (RecordFailedException e)
            {
                return new Attempt(false, e.Cause);
            }
            catch (Exception e) when (!lost.IsCancellationRequested && !message.Stopping.IsCancellationRequested)
            {
                // Unclassified: it may be a bug or a moment; the ladder's end finds out, and the letter says what it was.
                return new Attempt(false, new FailureCause("processing", FailureCause.Transient, FaultReason.ProcessorFailed, e.Message, $"{road.Road}:{e.GetType().Name}"));
            }
        }
    }

    /// <summary>
    /// Until RabbitMQ has it, also while the process stops: giving the message back instead would count towards its delivery limit. Not once the message is
    /// another's.
    /// </summary>
    async Task HandOverAsync(Func<CancellationToken, Task> call, Delivery message, CancellationToken lost)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(lost, tools.Stop.Abandoning);
        await tools.PersistAsync(message.Queue, call, either.Token);
    }
}
