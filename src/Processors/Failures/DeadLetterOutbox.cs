using Pipeline.Processors.Failures.RabbitMq;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Processors.Failures;

/// <summary>
/// Tells RabbitMQ of the dead letters that stand in PostgreSQL: at least once, in the order of their logs, by one process at a time. It runs apart
/// from the roads, so that RabbitMQ down or slow holds nobody but itself.
/// </summary>
sealed class DeadLetterOutbox(UnpublishedLetters letters, RabbitMqPublisher publisher, ProcessorMetrics metrics, OutboxSettings settings, FailureTools tools) : BackgroundService
{
    const int LettersMax = 500;
    const long BytesMax = 4 * 1024 * 1024;
    static readonly TimeSpan TakeOverInterval = TimeSpan.FromSeconds(1), CountInterval = TimeSpan.FromSeconds(5);

    long _countedAt = long.MinValue;

    /// <summary>Halved by a failure, so that a slow line confirms what it can within the deadline; doubled by a success.</summary>
    int _chunk = LettersMax;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, tools.Stop.Refusing);
        var stop = ending.Token;
        await settings.SchemaReady.WaitAsync(stop);
        try
        {
            await PublishAsync(stop);
        }
        finally
        {
            // However it ended: the next process waits for the lock.
            await letters.CloseAsync();
        }
    }

    async Task PublishAsync(CancellationToken stop)
    {
        var failures = 0;
        var holder = false;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var taken = await letters.TakeAsync(stop);
                if (taken && !holder)
                    tools.Log.OutboxTaken();
                holder = taken;
                var published = taken ? await PublishNextAsync(stop) : 0;
                failures = 0;
                _chunk = Math.Min(LettersMax, _chunk * 2);
                tools.Work.Runs(FailureWork.Outbox);
                if (published == 0)
                    await Task.Delay(taken ? settings.Interval : TakeOverInterval, tools.Clock, stop);
            }
            catch (Exception e) when (!stop.IsCancellationRequested)
            {
                _chunk = Math.Max(1, _chunk / 2);
                tools.Work.Failed(FailureWork.Outbox, e.Message);
                tools.Log.OutboxWaits(e.Message);
                await Task.Delay(Backoff.After(failures++), tools.Clock, stop).ContinueWith(_ => { }, TaskScheduler.Default);
            }
        }
    }

    async Task<int> PublishNextAsync(CancellationToken stop)
    {
        // 1. The oldest letters without a mark. A crash from here to step 3 publishes them again: their receivers know them by their place.
        var next = await letters.NextAsync(_chunk, BytesMax * _chunk / LettersMax, stop);
        await CountAsync(next.Count, stop);
        if (next.Count == 0)
            return 0;
        // 2. All of them confirmed, or none is marked.
        await publisher.PublishAsync([.. next.Select(l => FailureMessage.Write(Record(l), tools.Names.DeadLetters, dead: true))], stop);
        // 3. Marked in PostgreSQL, and never published again.
        await letters.MarkAsync(next, stop);
        return next.Count;
    }

    /// <summary>A long backlog is counted now and then only: the count itself reads it all.</summary>
    async Task CountAsync(int next, CancellationToken stop)
    {
        if (next < _chunk)
            metrics.OutboxBacklog(next);
        else if (_countedAt == long.MinValue || tools.Clock.GetElapsedTime(_countedAt) > CountInterval)
        {
            metrics.OutboxBacklog(await letters.CountAsync(stop));
            _countedAt = tools.Clock.GetTimestamp();
        }
    }

    static FailedRecord Record(UnpublishedLetter unpublished)
    {
        var letter = unpublished.Letter;
        return new FailedRecord
        {
            Log = unpublished.Log,
            Offset = letter.Offset,
            Tenant = letter.Tenant,
            Key = letter.Key,
            Value = letter.Value,
            Headers = letter.Headers,
            LoggedAt = DateTimeOffset.UnixEpoch.AddTicks(letter.LoggedAtUs * TimeSpan.TicksPerMicrosecond),
            Cause = new FailureCause(letter.Stage, letter.Kind, letter.Fault.Reason, letter.Message ?? "", letter.Fingerprint),
            FailedFirst = letter.FailedFirst!.Value,
            FailedLast = letter.FailedLast!.Value,
            Attempt = letter.Attempts,
            Algorithm = letter.Algorithm,
            AlgorithmVersion = letter.AlgorithmVersion,
        };
    }
}

/// <param name="Interval">How often it looks.</param>
sealed record OutboxSettings(TimeSpan Interval, Task SchemaReady);
