using Pipeline.Contracts.Events;
using Pipeline.Processors.Failures.RabbitMq;

namespace Pipeline.Processors.Failures;

/// <summary>What becomes of one message that holds a record: it succeeds, it waits for its next attempt, or it is a dead letter. Whoever calls acknowledges it after that.</summary>
sealed class MessageHandling(string road, RetryLadder ladder, FailureTools tools)
{
    /// <summary>Well below RabbitMQ's consumer timeout of 30 minutes, after which it would take the message back and count a delivery.</summary>
    static readonly TimeSpan WaitMost = TimeSpan.FromMinutes(5);

    /// <param name="handle">As <see cref="RetriedRoad.HandleAsync"/>.</param>
    public async Task HandleAsync(Delivery message, Func<FailedRecord, CancellationToken, Task> handle, CancellationToken lost)
    {
        if (!FailureMessage.TryRead(message.Properties, message.Body, out var record, out var dead) || dead)
        {
            var letter = DeadMessages.Unreadable(message.Queue, message.Properties, message.Body, tools.Clock.GetUtcNow());
            tools.Log.UnreadableMessage(message.Queue, letter.Log.TopicId);
            await HandOverAsync(stop => ladder.FailAsync(letter, stop), message, lost);
            return;
        }
        var attempt = await TryAsync(record!, message, handle, lost);
        if (attempt.Waits)
            await HandOverAsync(stop => ladder.SetAsideAsync(record!, stop), message, lost);
        else if (attempt.Cause is { } cause)
            await HandOverAsync(stop => ladder.FailAsync(record!.Again(cause, tools.Clock.GetUtcNow()), stop), message, lost);
        // A crash before the acknowledgement delivers the message again: the record is tried, or handed over, once more.
    }

    /// <param name="Waits">A dependency is away: it was not tried.</param>
    /// <param name="Cause">Null when the record succeeded.</param>
    readonly record struct Attempt(bool Waits, FailureCause? Cause);

    async Task<Attempt> TryAsync(FailedRecord record, Delivery message, Func<FailedRecord, CancellationToken, Task> handle, CancellationToken lost)
    {
        var started = tools.Clock.GetTimestamp();
        while (true)
        {
            try
            {
                await handle(record, lost);
                return default;
            }
            catch (NotTriedException e)
            {
                // A breaker is open, or another process has the record: no fault of it, and no attempt. Held for long, or given back by a stop, it would be counted as one.
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
                return new Attempt(false, new FailureCause("processing", FailureCause.Transient, FaultReason.ProcessorFailed, e.Message, $"{road}:{e.GetType().Name}"));
            }
        }
    }

    /// <summary>
    /// Until RabbitMQ has it, also while the process stops: giving the message back instead would count towards its delivery limit. Not once the message is
    /// another's.
    /// </summary>
    public async Task HandOverAsync(Func<CancellationToken, Task> call, Delivery message, CancellationToken lost)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(lost, tools.Stop.Abandoning);
        await tools.PersistAsync(message.Queue, call, either.Token);
    }
}
