using Confluent.Kafka;
using Npgsql;
using Pipeline.Processors.Consuming;
using Pipeline.Sinks.Postgres.Retention;

namespace Pipeline.Processors.Retention;

/// <param name="Sessions">In no pool: a session holds a lock and a temporary table.</param>
sealed record RetentionTools(RetentionOptions Options, NpgsqlDataSource Sessions, TopicMemories Topics, ITopicLogs Logs, Task SchemaReady)
{
    public required ProcessorMetrics Metrics { get; init; }
}

/// <summary>
/// Drops weeks of rows, trims the ledger and the tombstones, in every revision. Any number of processes may run it: a lock lets one work at a time. How far it is
/// stands in the store, and each step is a transaction, so that a crash at any line leaves nothing half done.
/// </summary>
sealed class RetentionWorker(RetentionTools tools, RetentionWatch watch, TimeProvider clock, ILogger<RetentionWorker> log, IHostApplicationLifetime lifetime) : BackgroundService
{
    const int DropTries = 20;

    static readonly TimeSpan BetweenSlices = TimeSpan.FromMilliseconds(100), BetweenTries = TimeSpan.FromMilliseconds(500), AfterFailureMin = TimeSpan.FromSeconds(1), AfterFailureMax = TimeSpan.FromMinutes(1);

    /// <summary>A log that is less behind holds nothing up that anybody would notice.</summary>
    static readonly TimeSpan ShownLag = TimeSpan.FromHours(1);

    /// <summary>A topic that says only later how long it keeps records ends nobody any more; ids stay then.</summary>
    static readonly TimeSpan Starting = TimeSpan.FromMinutes(10);

    LedgerWindow? _atStart;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await tools.SchemaReady.WaitAsync(stoppingToken);
        var started = clock.GetTimestamp();
        for (var failures = 0; !stoppingToken.IsCancellationRequested;)
        {
            var complete = false;
            try
            {
                // 1. Whether the ids are remembered for long enough. Nothing is trimmed before that is known.
                var window = await WindowAsync(stoppingToken);
                // A topic that only others consume, or nobody any more, holds the trimming and ends nobody.
                if (window is not null && LedgerWindow.Of(tools.Options.Ledger, [.. window.Topics.Where(t => tools.Topics.IsConfigured(t.Topic))]).Refusal is { } refusal && _atStart is null && clock.GetElapsedTime(started) < Starting)
                {
                    log.RetentionRefused(refusal);
                    Environment.ExitCode = 1;
                    lifetime.StopApplication();
                    return;
                }
                _atStart ??= window;
                // 2. What is old goes.
                var passed = await PassAsync(window, stoppingToken);
                complete = passed && window is not null;
                watch.Note(s => s with { LastPassAt = passed ? clock.GetUtcNow() : s.LastPassAt, LastError = null });
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                log.RetentionFailed(e.Message);
                watch.Note(s => s with { LastError = e.Message });
            }
            failures = complete ? 0 : failures + 1;
            await Task.Delay(complete ? tools.Options.Interval : After(failures), clock, stoppingToken);
        }
    }

    TimeSpan After(int failures)
    {
        var wait = TimeSpan.FromTicks(Math.Min(AfterFailureMin.Ticks << Math.Min(failures - 1, 10), AfterFailureMax.Ticks));
        return wait < tools.Options.Interval ? wait : tools.Options.Interval;
    }

    /// <returns>Null while the cluster does not say how long topics keep records.</returns>
    async Task<LedgerWindow?> WindowAsync(CancellationToken stop)
    {
        try
        {
            var window = LedgerWindow.Of(tools.Options.Ledger, await tools.Topics.ReadAsync(await StoredTopicsAsync(stop), stop));
            watch.Note(s => s with { LedgerS = window.Length?.TotalSeconds, LedgerHeldBy = window.Refusal });
            if (_atStart is null && window.Refusal is null)
                log.LedgerWindow(window.Length is { } length ? $"{length.TotalDays:0.##} days" : "ever");
            return window;
        }
        catch (TopicUnavailableException e)
        {
            var reason = $"ids stay until Kafka says how long topics keep records: {e.Message}";
            if (watch.State.LedgerHeldBy != reason)
                log.RetentionWaits(reason);
            watch.Note(s => s with { LedgerHeldBy = reason });
            return null;
        }
    }

    /// <summary>Whose logs are open in the store: also those that other processes consume.</summary>
    async Task<IReadOnlyList<string>> StoredTopicsAsync(CancellationToken stop)
    {
        await using var session = await tools.Sessions.OpenConnectionAsync(stop);
        var store = new RetentionStore(session);
        var topics = new HashSet<string>(StringComparer.Ordinal);
        foreach (var revision in await store.RevisionsAsync(stop))
            topics.UnionWith(await store.TopicsAsync(revision, stop));
        return [.. topics];
    }

    /// <returns>False when something that is old is still there.</returns>
    async Task<bool> PassAsync(LedgerWindow? window, CancellationToken stop)
    {
        await using var session = await tools.Sessions.OpenConnectionAsync(stop);
        var store = new RetentionStore(session);
        var revisions = await store.RevisionsAsync(stop);
        var complete = true;
        if (await store.TakeTurnAsync(stop))
        {
            var now = await store.NowAsync(clock.GetUtcNow().UtcDateTime, stop);
            foreach (var revision in revisions)
                complete &= await DropWeeksAsync(new WeekRetention(session), revision, now, stop);
            if (complete)
                watch.Note(s => s with { RowsHeldBy = null });
            var slowest = now;
            foreach (var revision in revisions)
            {
                if (window is { Length: not null, Refusal: null })
                {
                    var at = await SlowestAsync(store, window, revision, now, stop);
                    slowest = at < slowest ? at : slowest;
                    await TrimAsync(new LedgerRetention(session, revision), revision, at - window.Length.Value, window.Step, stop);
                }
                await store.PassedAsync(revision, stop);
            }
            var merged = await TombstoneRetention.MergeAsync(session, stop);
            // A copy from the log, or a resend that the ledger knows: neither comes after that.
            if (window is { Length: { } length, Refusal: null })
                merged += await TombstoneRetention.TrimAsync(session, slowest - length - window.Topics.Max(t => t.Retention!.Value + t.Segment), stop);
            tools.Metrics.TombstonesTrimmed(merged);
        }
        var read = new List<RevisionRetention>();
        foreach (var revision in revisions)
            read.Add(await store.ReadAsync(revision, stop));
        watch.Note(s => s with { Revisions = read });
        return complete;
    }

    async Task<bool> DropWeeksAsync(WeekRetention weeks, string revision, DateTime now, CancellationToken stop)
    {
        if (tools.Options.Rows is not { } rows)
            return true;
        foreach (var week in await weeks.EndedByAsync(revision, now - rows, stop))
        {
            var drop = await weeks.TryDropAsync(revision, week, stop);
            for (var tries = 1; drop == WeekDrop.InUse && tries < DropTries; tries++)
            {
                // Longer from try to try: writers have waited behind each of them.
                await Task.Delay(BetweenTries * tries, clock, stop);
                drop = await weeks.TryDropAsync(revision, week, stop);
            }
            if (drop != WeekDrop.Dropped)
            {
                var reason = drop == WeekDrop.HeldByErasure ? "an erasure is under way" : $"{revision}.{week.Table} is in use";
                if (watch.State.RowsHeldBy != reason)
                    log.RetentionWaits(reason);
                watch.Note(s => s with { RowsHeldBy = reason });
                return false;
            }
            log.WeekDropped(revision, week.Table, week.Bytes);
            tools.Metrics.WeekDropped();
            watch.Note(s => s with { WeeksDropped = s.WeeksDropped + 1 });
        }
        return true;
    }

    /// <summary>Up to which time no log brings records any more.</summary>
    async Task<DateTime> SlowestAsync(RetentionStore store, LedgerWindow window, string revision, DateTime now, CancellationToken stop)
    {
        var logs = new List<LogState>();
        foreach (var position in await store.LogsAsync(revision, stop))
            // A topic that is gone is not asked about.
            logs.Add(new LogState(position, window.Topics.Any(t => t.Topic == position.Topic) && await IsAtEndAsync(position)));
        var (at, slowest) = window.Slowest(now, logs);
        if (slowest is not null && at < now - ShownLag)
            watch.Note(s => s with { LedgerHeldBy = $"{revision}: {slowest.Topic}[{slowest.Partition}] is stored up to {at:u}" });
        return at;
    }

    async Task<bool> IsAtEndAsync(LogPosition position)
    {
        try
        {
            return position.NextOffset >= (await tools.Logs.ReadExtentAsync(new TopicPartition(position.Topic, position.Partition))).End;
        }
        catch (Exception e) when (e is KafkaException or TopicUnavailableException or Failures.DependencyUnavailableException)
        {
            // A cluster that is away: taken for a log that lags.
            return false;
        }
    }

    async Task TrimAsync(LedgerRetention ledger, string revision, DateTime until, TimeSpan step, CancellationToken stop)
    {
        if (await ledger.BeginAsync(until, step, stop) is not { } walking)
            return;
        var sum = 0L;
        for (var isLast = false; !isLast;)
        {
            (var trimmed, isLast) = await ledger.StepAsync(walking, stop);
            sum += trimmed;
            tools.Metrics.IdsTrimmed(trimmed);
            watch.Note(s => s with { IdsTrimmed = s.IdsTrimmed + trimmed });
            // The ledger is everybody's: what a slice costs is spread.
            if (!isLast)
                await Task.Delay(BetweenSlices, clock, stop);
        }
        log.LedgerTrimmed(revision, sum, walking);
    }
}
