using Npgsql;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>
/// Brings the states of a batch's objects, or of its tasks, up to date, and adds what that changes in the counts to the batch's activity. Rows that are known are locked in
/// key order, changed here, and written back. A large batch of a road that carries only new ones tries a plain COPY first, as the ledger does: the first known one
/// fails it, the savepoint takes it back, and batches go the careful way until a large one was all new again.
/// </summary>
/// <remarks>
/// Writers enter and lock in key order and hold nothing of the table before, so that none waits for another in a circle: whoever has come as far as writing known states
/// back waits for nobody's objects or tasks any more.
/// </remarks>
sealed class SubjectWriter<TState>(SubjectTable<TState> table) where TState : class
{
    /// <summary>Below, looking first costs little, and a failed COPY is an error in PostgreSQL's log.</summary>
    const int AllNewMin = 500;

    bool _expectNew = true;

    /// <returns>The statement that is left to run; null for none.</returns>
    /// <exception cref="FencedException">Another log entered one of them at this moment; the batch is tried again and then finds it.</exception>
    public async Task<Merge?> ApplyAsync(NpgsqlTransaction transaction, CopyBuffer buffer, List<EventRow> rows, ActivityBuckets buckets, CancellationToken stop)
    {
        var events = InKeyOrder(rows);
        if (events.Length == 0)
            return null;
        var session = transaction.Connection!;
        var states = Fold(events, []);
        if (!_expectNew || states.Count < AllNewMin || !await TryEnterNewAsync(transaction, buffer, states, stop))
        {
            var known = await SubjectStatements.ReadAsync(table, session, [.. states.Select(s => s.Key)], stop);
            if (states.Count >= AllNewMin)
                _expectNew = known.Count == 0;
            foreach (var (key, state) in known)
                table.Credit(state, key, buckets, -1);
            if (known.Count > 0)
                states = Fold(events, known);
            await WriteAsync(session, buffer, states, known, stop);
            Credit(states, buckets);
            return known.Count == 0 ? null : new Merge(new NpgsqlBatchCommand(table.Update), known.Count);
        }
        Credit(states, buckets);
        return null;
    }

    void Credit(List<(SubjectKey Key, TState State)> states, ActivityBuckets buckets)
    {
        foreach (var (key, state) in states)
            table.Credit(state, key, buckets, 1);
    }

    (SubjectKey Key, EventRow Row)[] InKeyOrder(List<EventRow> rows)
    {
        var events = new List<(SubjectKey Key, EventRow Row)>(rows.Count);
        foreach (var row in rows)
            if (table.Concerns(row))
                events.Add((table.KeyOf(row), row));
        // The hashes apart: sixteen bytes are moved instead of all that belongs to them.
        var (hashes, places) = (new Guid[events.Count], new int[events.Count]);
        for (var i = 0; i < places.Length; i++)
            (hashes[i], places[i]) = (events[i].Key.Hash, i);
        Array.Sort(hashes, places);
        return Array.ConvertAll(places, i => events[i]);
    }

    /// <summary>One state a key, in key order: the known one, or a new one, with what the batch says of it.</summary>
    List<(SubjectKey Key, TState State)> Fold((SubjectKey Key, EventRow Row)[] events, Dictionary<SubjectKey, TState> known)
    {
        var states = new List<(SubjectKey Key, TState State)>(events.Length);
        foreach (var (key, row) in events)
        {
            if (states.Count == 0 || states[^1].Key != key)
                states.Add((key, known.GetValueOrDefault(key) ?? table.New()));
            table.Add(states[^1].State, row);
        }
        return states;
    }

    async Task<bool> TryEnterNewAsync(NpgsqlTransaction transaction, CopyBuffer buffer, List<(SubjectKey Key, TState State)> states, CancellationToken stop)
    {
        const string savepoint = "subjects";
        await transaction.SaveAsync(savepoint, stop);
        try
        {
            await SubjectStatements.CopyAsync(table, transaction.Connection!, buffer, table.CopyNew, states, stop);
            return true;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            await transaction.RollbackAsync(savepoint, stop);
            return false;
        }
    }

    async Task WriteAsync(NpgsqlConnection session, CopyBuffer buffer, List<(SubjectKey Key, TState State)> states, Dictionary<SubjectKey, TState> known, CancellationToken stop)
    {
        try
        {
            if (known.Count < states.Count)
                await SubjectStatements.CopyAsync(table, session, buffer, table.CopyNew, states.Where(s => !known.ContainsKey(s.Key)), stop);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            throw new FencedException("another log entered the same object or task at this moment; the batch is tried again", e);
        }
        if (known.Count > 0)
            await SubjectStatements.CopyAsync(table, session, buffer, table.CopyKnown, states.Where(s => known.ContainsKey(s.Key)), stop);
    }
}

/// <summary>A statement that brings a temporary table into its table, and how many rows it must find there.</summary>
sealed record Merge(NpgsqlBatchCommand Command, int Rows);
