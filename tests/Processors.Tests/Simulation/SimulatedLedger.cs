using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Processors.Tests.Simulation;

/// <summary>The ledger's statements, as EventLedger sends them: all ids as new ones under a savepoint, else those that are new, then what was known.</summary>
sealed partial class SimulatedSession
{
    /// <summary>False when an id is known: the savepoint took the others back.</summary>
    public async Task<bool> EnterNewAsync(LogRow row, List<EventRow> events)
    {
        var savepoint = _ids.Count;
        foreach (var first in events)
        {
            if (await TryEnterAsync(row, first))
                continue;
            world.Met(Transition.IdsKnownOnFastPath);
            TakeIdsBack(savepoint);
            WakeAwaiting();
            return false;
        }
        return true;
    }

    /// <returns>How many were new.</returns>
    public async Task<int> EnterAnyAsync(LogRow row, List<EventRow> events)
    {
        var fresh = 0;
        foreach (var first in events)
            fresh += await TryEnterAsync(row, first) ? 1 : 0;
        return fresh;
    }

    /// <summary>Waits for whoever has entered the id and not committed it; false when it is there to stay.</summary>
    async Task<bool> TryEnterAsync(LogRow row, EventRow first)
    {
        while (store.Ledger.TryGetValue(first.EventId, out var entry))
        {
            if (entry.Writer is null || entry.Writer == this || world.Bug == Bug.UncommittedIdsBelieved)
                return false;
            world.Met(Transition.WaitedForIds);
            await entry.Writer.WaitForEndAsync(this);
        }
        // Between the end of a wait and here are steps of others.
        ThrowIfEnded();
        store.Ledger.Add(first.EventId, new LedgerEntry(row, first, this));
        _ids.Add(first.EventId);
        return true;
    }

    /// <summary>Tells of each id that another place holds; its bytes only where the digests differ.</summary>
    public void CompareKnown(LogRow row, Duplicates ids)
    {
        foreach (var first in ids.Firsts)
            if (store.Ledger.TryGetValue(first.EventId, out var entry) && !(entry.Log == row && entry.First.Offset == first.Offset))
                ids.MarkKnown(first, new KnownEvent(entry.First.Digest, entry.Log.LogId, entry.First.Offset, DateTime.UnixEpoch) { Value = null });
        if (ids.KnownCount > 0)
            world.Met(Transition.IdsKnownOnCarefulPath);
        foreach (var known in ids.Undecided())
            known.Value = store.Logs.Find(l => l.LogId == known.LogId)?.Rows.GetValueOrDefault(known.Offset)?.Value;
    }

    void TakeIdsBack(int keep)
    {
        foreach (var id in _ids.Skip(keep))
            store.Ledger.Remove(id);
        _ids.RemoveRange(keep, _ids.Count - keep);
    }
}
