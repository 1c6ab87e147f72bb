using Pipeline.Sinks.Influx;
using Pipeline.Sinks.Postgres.Retention;

namespace Pipeline.Processors.Retention;

/// <summary>What <c>/health</c> and the metrics show of retention, as this process saw it last.</summary>
sealed class RetentionWatch(RetentionOptions options, TimeProvider clock)
{
    readonly Lock _sync = new();

    public RetentionHealth State { get; private set; } = new() { RowsS = options.Rows?.TotalSeconds };

    public void Note(Func<RetentionHealth, RetentionHealth> change)
    {
        lock (_sync)
            State = change(State);
    }

    /// <summary>How old the oldest row may be: the age of the oldest week's Monday, over all revisions; null where there is none.</summary>
    public double? OldestWeekSeconds => State.Revisions.Min(r => r.OldestWeek) is { } monday ? Math.Max(0, (clock.GetUtcNow().UtcDateTime - monday).TotalSeconds) : null;

    public double? SecondsSincePass => State.LastPassAt is { } at ? Math.Max(0, (clock.GetUtcNow() - at).TotalSeconds) : null;
}

/// <summary>Figures of this process are since it was started; what is of the store is the same in each.</summary>
sealed record RetentionHealth
{
    /// <summary>As configured; null for ever.</summary>
    public double? RowsS { get; init; }

    /// <summary>The ledger's window in force; null for ever, or until the topics said how long they keep records.</summary>
    public double? LedgerS { get; init; }

    /// <summary>Why ids are not trimmed, or not up to the window.</summary>
    public string? LedgerHeldBy { get; init; }

    /// <summary>Why weeks that are old are still there.</summary>
    public string? RowsHeldBy { get; init; }

    public IReadOnlyList<RevisionRetention> Revisions { get; init; } = [];

    /// <summary>When this process last looked through everything, or found another one at it.</summary>
    public DateTimeOffset? LastPassAt { get; init; }

    public long WeeksDropped { get; init; }

    public long IdsTrimmed { get; init; }

    public string? LastError { get; init; }

    /// <summary>What InfluxDB keeps, where that was configured.</summary>
    public PointRetention? Points { get; init; }
}
