namespace Pipeline.Sinks.Postgres.Events;

/// <summary>
/// Writes one log's events through one session that owns it. A batch is one transaction: rows, ledger, aggregates, dead letters, outcomes
/// and offset are committed together or not at all, and only under the epoch that this writer holds.
/// </summary>
public sealed class EventWriter(IEventStore store) : IAsyncDisposable
{
    IEventSession? _session;
    Fence? _fence;

    public long NextOffset => Owned.NextOffset;

    public int LogId => Owned.LogId;

    Fence Owned => _fence ?? throw new InvalidOperationException("the log is not acquired");

    /// <summary>Opens a new session, which alone may write from now on, and takes the log over.</summary>
    /// <returns>Where the log stands and what became of its last owners.</returns>
    public async Task<Fence> AcquireAsync(LogPlace log, LogExtent extent, CancellationToken stop)
    {
        await CloseAsync();
        _session = await store.OpenAsync(stop);
        return _fence = await _session.AcquireAsync(log, extent, stop);
    }

    /// <summary>Commits that the record at this offset is about to be read, before anything reads it.</summary>
    public Task MarkTryingAsync(long offset, CancellationToken stop) => _session!.MarkTryingAsync(Owned, offset, stop);

    /// <summary>Stores the batch exactly once. After an exception nothing of it is stored, except that a lost COMMIT is unknown: acquire again, and the offset tells.</summary>
    /// <exception cref="FencedException">Another owner has the log, or the commit's outcome is unknown.</exception>
    public async Task<BatchOutcome> WriteAsync(EventBatch batch, CancellationToken stop)
    {
        var fence = Owned;
        if (batch.From != fence.NextOffset)
            throw new FencedException($"batch starts at {batch.From}, the log is stored up to {fence.NextOffset}");
        if (batch.Absent < 0)
            throw new InvalidOperationException($"offsets {batch.From} to {batch.Next} hold more records than offsets");
        var ids = new Duplicates(batch.Events);
        await _session!.MakeRoomAsync(batch.Events.Select(e => e.LoggedAtUs), stop);

        await using var transaction = await _session.BeginAsync(stop);
        // 1. The fence raises under an old epoch or offset. From here on the log's row is locked, so that another owner waits or ends this session.
        // A crash up to the commit loses the transaction and nothing else: the next owner reads the same offsets again.
        await transaction.AdvanceAsync(fence, batch.Next, stop);
        // 2. What a tombstone covers is set aside; an erasure that commits its tombstone later waits for this transaction and deletes its rows.
        await transaction.SetAsideAsync(batch, stop);
        // 3. The ledger takes the ids that are new and tells those that were known.
        await transaction.EnterIdsAsync(fence, ids, stop);
        // 4. Ids alike, contents alike? Within a batch, too.
        var resolved = ids.Resolve();
        // 5. Rows of new ids only, straight into their table: a detour over a temporary one costs every byte twice (docs/decisions).
        await transaction.AddRowsAsync(fence, resolved.New, stop);
        // 6. Aggregates of new ids only, dead letters, outcomes.
        await transaction.AddActivityAsync(fence, resolved.New, stop);
        await transaction.AddOutcomesAsync(fence, batch, resolved, stop);
        // 7. A connection lost here leaves the outcome open; the offsets row decides when the log is acquired again.
        await transaction.CommitAsync(stop);
        fence.NextOffset = batch.Next;
        batch.Conflicting = resolved.Conflicting;
        var erased = batch.DeadLetters.Count(l => l.IsErased);
        return new BatchOutcome(resolved.New.Count, resolved.Repeated.Count, batch.DeadLetters.Count - erased + resolved.Conflicting.Count, resolved.Dropped.Count + erased, batch.Absent);
    }

    /// <summary>Gives the log up, if this writer still holds it.</summary>
    public async Task ReleaseAsync(CancellationToken stop)
    {
        if (_fence is not null && _session is { IsOpen: true })
            await _session.ReleaseAsync(_fence, stop);
        _fence = null;
    }

    public async ValueTask DisposeAsync() => await CloseAsync();

    async Task CloseAsync()
    {
        _fence = null;
        if (_session is { } session)
            await session.DisposeAsync();
        _session = null;
    }
}
