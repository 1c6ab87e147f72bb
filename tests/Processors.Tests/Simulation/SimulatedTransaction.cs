using Npgsql;
using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Processors.Tests.Simulation;

/// <summary>One batch's transaction, statement by statement.</summary>
sealed class SimulatedTransaction(SimulatedSession session, SimulatedStore store, World world) : IEventTransaction
{
    bool _committed;

    public Task AdvanceAsync(Fence fence, long next, CancellationToken stop) => session.AskAsync(async () =>
    {
        var row = session.RowOf(fence);
        await session.LockAsync(row);
        var epochHolds = (row.Epoch == fence.Epoch && !row.Closed) || world.Bug == Bug.FenceWithoutEpoch;
        if (!epochHolds || row.Next != fence.NextOffset || next <= fence.NextOffset)
        {
            // Where the epoch holds, so does the offset: the second half of the comparison is needed by nobody who kept to the first.
            world.Met(Transition.FencedByEpoch);
            if (session.Process.WasStopped)
                world.Met(Transition.ZombieWriteRefused);
            throw SimulatedStore.Failure(PostgresFaults.FencedState);
        }
        Change(row, fence, () => (row.Next, row.Tries, row.Trying) = (next, 0, null));
        if (world.Bug == Bug.OffsetBeforeRows)
        {
            session.Commit();
            session.InTransaction = true;
        }
        return true;
    }, stop);

    public async Task EnterIdsAsync(Fence fence, Duplicates ids, CancellationToken stop)
    {
        if (ids.Firsts.Count == 0 || world.Bug == Bug.LedgerNotAsked)
            return;
        var row = session.RowOf(fence);
        var inKeyOrder = ids.Firsts.OrderBy(f => f.EventId).ToList();
        if (session.ExpectNew && await session.AskAsync(() => session.EnterNewAsync(row, inKeyOrder), stop))
            return;
        var fresh = await session.AskAsync(() => session.EnterAnyAsync(row, inKeyOrder), stop);
        session.ExpectNew = fresh == ids.Firsts.Count;
        if (!session.ExpectNew)
            await session.AskAsync(() =>
            {
                session.CompareKnown(row, ids);
                return Task.FromResult(true);
            }, stop);
        if (fresh + ids.KnownCount != ids.Firsts.Count)
            throw new FencedException("an id left the ledger between two statements");
    }

    /// <summary>Nobody asks for an erasure here.</summary>
    public Task SetAsideAsync(EventBatch batch, CancellationToken stop) => Task.CompletedTask;

    /// <summary>In two halves: a process stopped between them is inside COPY, where no idle timeout ends its session.</summary>
    public async Task AddRowsAsync(Fence fence, List<EventRow> rows, CancellationToken stop)
    {
        if (rows.Count == 0)
            return;
        await session.AskAsync(() => Task.FromResult(true), stop, copying: true);
        await session.AskAsync(() =>
        {
            if (rows.Exists(r => r.Tool == "refused"))
            {
                world.Met(rows.Count == 1 ? Transition.RefusedAlone : Transition.Halved);
                throw SimulatedStore.Failure(PostgresErrorCodes.UntranslatableCharacter);
            }
            var row = session.RowOf(fence);
            Change(row, fence, () => world.Checker.Stored(row, rows));
            return Task.FromResult(true);
        }, stop);
    }

    public Task AddActivityAsync(Fence fence, List<EventRow> rows, CancellationToken stop)
    {
        var row = session.RowOf(fence);
        return rows.Count == 0 ? Task.CompletedTask : Do(() => Change(row, fence, () =>
            row.Activity = (row.Activity.Events + rows.Count, row.Activity.DurationMs + rows.Sum(r => r.DurationMs))), stop);
    }

    public Task AddOutcomesAsync(Fence fence, EventBatch batch, ResolvedEvents resolved, CancellationToken stop)
    {
        var row = session.RowOf(fence);
        return Do(() => Change(row, fence, () =>
        {
            foreach (var letter in batch.DeadLetters)
                world.Checker.Lettered(row, letter.Offset, letter.Fault);
            foreach (var conflict in resolved.Conflicting)
                world.Checker.Lettered(row, conflict.Offset, new EventFault(FaultReason.ConflictingDuplicate, "event_id"));
            row.Stored += resolved.New.Count;
            row.Duplicates += resolved.Repeated.Count;
            row.DeadLettered += batch.DeadLetters.Count + resolved.Conflicting.Count;
            row.Absent += batch.Absent;
            world.Checker.Counted(row, batch, resolved);
        }), stop);
    }

    public async Task CommitAsync(CancellationToken stop)
    {
        var again = world.Bug == Bug.LostCommitSentAgain ? session.CopyChanges() : [];
        try
        {
            await session.AskAsync(() =>
            {
                session.Commit();
                return Task.FromResult(true);
            }, stop, commit: true);
            world.Met(Transition.Committed);
        }
        catch (Exception e) when (e is not PostgresException)
        {
            if (world.Bug == Bug.LostCommitSentAgain)
                store.Server.Post(() => again.ForEach(change => change()));
            else if (world.Bug != Bug.LostCommitIsSuccess)
                throw new FencedException("the connection was lost during COMMIT", e);
        }
        _committed = true;
    }

    Task Do(Action statement, CancellationToken stop) => session.AskAsync(() =>
    {
        statement();
        return Task.FromResult(true);
    }, stop);

    /// <summary>Applied by the commit, and checked there to be the owner's.</summary>
    void Change(LogRow row, Fence fence, Action change) => session.Change(() =>
    {
        world.Checker.Wrote(row, fence.Epoch);
        change();
    });

    public async ValueTask DisposeAsync()
    {
        if (_committed || !session.IsOpen)
            return;
        try
        {
            await Do(session.Rollback, CancellationToken.None);
        }
        catch (NpgsqlException)
        {
            // The session is gone, and its transaction with it.
        }
    }
}
