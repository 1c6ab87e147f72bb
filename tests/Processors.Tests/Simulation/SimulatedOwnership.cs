using Npgsql;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Processors.Tests.Simulation;

/// <summary>The statements of <see cref="LogOwnership"/>: lock or insert the row, end a stopped owner, raise the epoch.</summary>
sealed partial class SimulatedSession
{
    static readonly TimeSpan ZombiePatience = TimeSpan.FromSeconds(5);

    /// <summary>Where the open acquisition moves its log, past what retention took.</summary>
    long? _movedTo;

    public async Task<Fence> AcquireAsync(LogPlace log, LogExtent extent, CancellationToken stop)
    {
        while (true)
        {
            try
            {
                var row = await AskAsync(() => FindAsync(log, extent), stop);
                var fence = await AskAsync(() => RaiseEpochAsync(row, log, extent), stop);
                await AskAsync(CommitAcquisitionAsync, stop, commit: true);
                world.Met(Transition.Acquired);
                return fence;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                await AskAsync(() => EndPreviousOwnerAsync(log.Partition), stop);
            }
            catch (LogMismatchException e)
            {
                world.Met(e.Code switch
                {
                    "records_expired" => Transition.MismatchExpired,
                    "offset_beyond_end" => Transition.EndBehindOffset,
                    _ when e.StoredTopicId is null => Transition.StaleTopicRefused,
                    _ when e.StoredTopicId != log.Replaces => Transition.OtherLogStored,
                    _ => Transition.MismatchNewTopic,
                });
                throw;
            }
            catch (OperationCanceledException)
            {
                world.Met(Transition.AcquireCancelled);
                throw;
            }
        }
    }

    /// <summary>The row of this log, locked; one of another incarnation is closed if that is accepted, one that is missing is inserted.</summary>
    async Task<LogRow> FindAsync(LogPlace log, LogExtent extent)
    {
        InTransaction = true;
        try
        {
            var stored = store.OpenLog(log.Partition);
            if (stored is not null)
            {
                if (await LockAsync(stored, ZombiePatience))
                    world.Met(Transition.AcquiredAfterWaiting);
                // What was closed while we waited is not seen any more, nor is what came in its place.
                if (stored.Closed || stored.Removed)
                    stored = null;
            }
            if (stored is not null && stored.Log.TopicId != log.TopicId)
            {
                Close(stored, log);
                stored = null;
            }
            if (stored is null)
                return await InsertAsync(log, extent.Start);
            if (stored.Next > extent.End)
                throw new LogMismatchException(log, "offset_beyond_end", "simulated");
            if (stored.Next < extent.Start)
                AcceptLoss(stored, log, extent.Start);
            return stored;
        }
        catch (LogMismatchException)
        {
            Rollback();
            throw;
        }
    }

    void Close(LogRow stored, LogPlace log)
    {
        if (log.Replaces != stored.Log.TopicId || (!world.AcceptNewLogs && !store.Acceptances.Contains(("new_log", log.Partition))))
            throw new LogMismatchException(log, "topic_changed", "simulated") { StoredTopicId = stored.Log.TopicId };
        Change(() =>
        {
            world.Met(Transition.NewTopicAccepted);
            store.Acceptances.Remove(("new_log", log.Partition));
            stored.Closed = true;
            stored.Epoch++;
            stored.Owner = null;
        });
    }

    void AcceptLoss(LogRow stored, LogPlace log, long start)
    {
        if (!store.Acceptances.Contains(("loss", log.Partition)))
            throw new LogMismatchException(log, "records_expired", "simulated");
        _movedTo = start;
        Change(() =>
        {
            world.Met(Transition.LossAccepted);
            store.Acceptances.Remove(("loss", log.Partition));
            stored.Losses.Add((stored.Next, start));
            stored.Expired += start - stored.Next;
            stored.Next = start;
        });
    }

    /// <summary>INSERT … ON CONFLICT DO NOTHING: a row of the same log, or an open one of another, stays as it is.</summary>
    async Task<LogRow> InsertAsync(LogPlace log, long start)
    {
        while (true)
        {
            ThrowIfEnded();
            if (store.Logs.Find(l => l.Log.TopicId == log.TopicId && l.Log.Partition == log.Partition) is not { } present)
            {
                _inserted = store.Insert(world.Broker.Log(log.TopicId, log.Partition)!, start);
                _inserted.Lock.TryTake(this);
                return _inserted;
            }
            await LockAsync(present, ZombiePatience);
            if (!present.Removed)
                return present;
        }
    }

    Task<Fence> RaiseEpochAsync(LogRow row, LogPlace log, LogExtent extent)
    {
        if (row.Closed || store.Logs.Exists(l => l != row && !l.Closed && l.Log.Partition == log.Partition && l.Lock.Holder != this))
        {
            Rollback();
            throw new LogMismatchException(log, "topic_changed", "closed before");
        }
        var vanished = row.Owner is not null && row.Owner != process;
        // Against a record that is tried counts only an owner that marked it.
        var counts = vanished && (row.Trying is null || row.TryingEpoch == row.Epoch);
        var fence = new Fence(log, row.LogId, row.Epoch + 1, "rev_1") { NextOffset = _movedTo ?? row.Next, Tries = (_movedTo ?? row.Next) >= extent.End ? 0 : row.Tries + (counts ? 1 : 0), Trying = row.Trying };
        Change(() =>
        {
            if (counts)
                world.Checker.Vanished(row);
            row.Epoch = fence.Epoch;
            row.Tries = fence.Tries;
            row.Owner = process;
            row.Backend = this;
            row.ReadsAlone = false;
        });
        return Task.FromResult(fence);
    }

    Task<bool> CommitAcquisitionAsync()
    {
        Commit();
        return Task.FromResult(true);
    }

    Task<bool> EndPreviousOwnerAsync(int partition)
    {
        if (store.OpenLog(partition)?.Backend is { } previous && previous != this && world.Bug != Bug.ZombieSessionKept)
        {
            world.Met(Transition.AcquiredByEndingTheOwner);
            if (previous.Process.WasStopped)
                world.Met(Transition.ZombieSessionEnded);
            previous.End();
        }
        return Task.FromResult(true);
    }

    public Task MarkTryingAsync(Fence fence, long offset, CancellationToken stop) => AskAsync(async () =>
    {
        var row = RowOf(fence);
        await LockAsync(row);
        if (row.Closed || row.Epoch != fence.Epoch)
        {
            world.Met(Transition.FencedWhileMarking);
            Rollback();
            throw new FencedException("another owner has the log");
        }
        if (world.Bug != Bug.NotMarked)
            Change(() =>
            {
                row.Tries = row.Trying == offset ? row.Tries : LogOwnership.TriesBeforeAlone;
                row.Trying = offset;
                row.TryingEpoch = row.Epoch;
                world.Checker.Marked(row);
            });
        Commit();
        return true;
    }, stop);

    public Task ReleaseAsync(Fence fence, CancellationToken stop) => AskAsync(async () =>
    {
        var row = RowOf(fence);
        await LockAsync(row);
        if (row.Epoch != fence.Epoch && world.Bug != Bug.ReleaseUnderOldEpoch)
        {
            world.Met(Transition.ReleaseUnderOldEpoch);
            Rollback();
            return false;
        }
        world.Met(Transition.Released);
        Change(() =>
        {
            world.Checker.Wrote(row, fence.Epoch);
            (row.Owner, row.Backend, row.Trying, row.Tries) = (null, null, null, 0);
        });
        Commit();
        return true;
    }, stop);

    public LogRow RowOf(Fence fence) => store.Logs.Find(l => l.LogId == fence.LogId)!;

    /// <summary>Weeks of table events are the SQL's matter.</summary>
    public Task MakeRoomAsync(IEnumerable<long> loggedAtUs, CancellationToken stop) => Task.CompletedTask;

    public Task<IEventTransaction> BeginAsync(CancellationToken stop) => AskAsync(() =>
    {
        InTransaction = true;
        return Task.FromResult<IEventTransaction>(new SimulatedTransaction(this, store, world));
    }, stop);
}
