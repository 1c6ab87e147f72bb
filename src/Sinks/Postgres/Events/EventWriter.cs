using Npgsql;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>Places in a batch where a fault test can end or stop the process.</summary>
public enum ArmedPoint { AfterLedger, InsideCopy, BeforeCommit, AfterCommit }

/// <summary>
/// Writes one log's events through one session that owns it. A batch is one transaction: rows, ledger, aggregates, dead letters, outcomes
/// and offset are committed together or not at all, and only under the epoch that this writer holds.
/// </summary>
public sealed class EventWriter(NpgsqlDataSource sessions, LogOwnership ownership, Action<ArmedPoint>? armed = null) : IAsyncDisposable
{
    readonly HashSet<long> _weeks = [];
    readonly CopyBuffer _buffer = new();
    readonly EventLedger _ledger = new();
    NpgsqlConnection? _session;
    Fence? _fence;

    public long NextOffset => Owned.NextOffset;

    public int LogId => Owned.LogId;

    Fence Owned => _fence ?? throw new InvalidOperationException("the log is not acquired");

    /// <summary>Opens a new session, which alone may write from now on, and takes the log over.</summary>
    /// <returns>The offset to go on from.</returns>
    public async Task<long> AcquireAsync(LogPlace log, LogExtent extent, CancellationToken stop)
    {
        await CloseAsync();
        _session = await sessions.OpenConnectionAsync(stop);
        await using (var setUp = new NpgsqlCommand(EventStatements.SetUpSession, _session))
            await setUp.ExecuteNonQueryAsync(stop);
        _fence = await ownership.AcquireAsync(_session, log, extent, stop);
        _weeks.Clear();
        return _fence.NextOffset;
    }

    /// <summary>Stores the batch exactly once. After an exception nothing of it is stored, except that a lost COMMIT is unknown: acquire again, and the offset tells.</summary>
    /// <exception cref="FencedException">Another owner has the log, or the commit's outcome is unknown.</exception>
    public async Task<BatchOutcome> WriteAsync(EventBatch batch, CancellationToken stop)
    {
        var fence = Owned;
        var session = _session!;
        if (batch.From != fence.NextOffset)
            throw new FencedException($"batch starts at {batch.From}, the log is stored up to {fence.NextOffset}");
        if (batch.Absent < 0)
            throw new InvalidOperationException($"offsets {batch.From} to {batch.Next} hold more records than offsets");
        var duplicates = new Duplicates(batch.Events);
        await EnsureWeeksAsync(session, batch, stop);

        await using var transaction = await session.BeginTransactionAsync(stop);
        // 1. The fence raises under an old epoch or offset. From here on the log's row is locked, so that another owner waits or ends this session.
        // A crash up to the commit loses the transaction and nothing else: the next owner reads the same offsets again.
        await EventStatements.AdvanceAsync(session, fence, batch.Next, stop);
        // 2. The ledger takes the ids that are new and tells those that were known.
        await _ledger.EnterAsync(transaction, _buffer, fence, duplicates, stop);
        armed?.Invoke(ArmedPoint.AfterLedger);
        // 3. Ids alike, contents alike? Within a batch, too.
        var (stored, repeated, conflicting) = duplicates.Resolve();
        // 4. Rows of new ids only, straight into their table: a detour over a temporary one costs every byte twice (docs/decisions).
        await EventStatements.CopyRowsAsync(session, _buffer, fence, stored, armed is null ? null : () => armed(ArmedPoint.InsideCopy), stop);
        // 5. Aggregates of new ids only, dead letters, outcomes.
        await ActivityStatement.CopyAsync(session, _buffer, fence, stored, stop);
        await EventStatements.UpsertAsync(session, fence, batch, stored, repeated, conflicting, stop);
        armed?.Invoke(ArmedPoint.BeforeCommit);
        // 6. A connection lost here leaves the outcome open; the offsets row decides when the log is acquired again.
        await CommitAsync(transaction, stop);
        armed?.Invoke(ArmedPoint.AfterCommit);
        fence.NextOffset = batch.Next;
        return new BatchOutcome(stored.Count, repeated.Count, batch.DeadLetters.Count + conflicting.Count, batch.Absent);
    }

    /// <summary>Gives the log up, if this writer still holds it.</summary>
    public async Task ReleaseAsync(CancellationToken stop)
    {
        if (_fence is not null && _session is { State: System.Data.ConnectionState.Open })
            await LogOwnership.ReleaseAsync(_session, _fence, stop);
        _fence = null;
    }

    public async ValueTask DisposeAsync() => await CloseAsync();

    static async Task CommitAsync(NpgsqlTransaction transaction, CancellationToken stop)
    {
        try
        {
            await transaction.CommitAsync(stop);
        }
        catch (Exception e) when (e is not PostgresException)
        {
            throw new FencedException("the connection was lost during COMMIT; whether it was committed is read from the offsets row", e);
        }
    }

    /// <summary>Weeks of table events are made outside the batch's transaction, so that their lock is short.</summary>
    async Task EnsureWeeksAsync(NpgsqlConnection session, EventBatch batch, CancellationToken stop)
    {
        const long weekUs = 7L * 24 * 3600 * 1_000_000;
        foreach (var row in batch.Events)
        {
            // 1970-01-01 was a Thursday; weeks start on Monday.
            var week = Math.DivRem(row.LoggedAtUs + (3L * 24 * 3600 * 1_000_000), weekUs, out _);
            if (_weeks.Contains(week))
                continue;
            await using var command = new NpgsqlCommand("SELECT ensure_week($1)", session)
            { Parameters = { new() { Value = EventStatements.Time(row.LoggedAtUs) } } };
            await command.ExecuteNonQueryAsync(stop);
            _weeks.Add(week);
        }
    }

    async Task CloseAsync()
    {
        _fence = null;
        if (_session is { } session)
            await session.DisposeAsync();
        _session = null;
    }
}
