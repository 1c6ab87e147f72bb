using Npgsql;
using NpgsqlTypes;
using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Sinks.Postgres.Erasure;

/// <summary>
/// Deletes a user's events from one revision and counts anew what they were part of, in one transaction that holds the place of every log: no batch is written meanwhile, so that
/// nothing has to be merged with what others do. A user with very many events goes in slices of time.
/// </summary>
sealed class RevisionEraser(NpgsqlConnection session, string revision, Action<ErasurePoint>? armed)
{
    /// <summary>About as many events a transaction: the writers wait for it.</summary>
    const int SliceEvents = 20_000;

    readonly CopyBuffer _buffer = new();

    /// <returns>What was deleted, by kind.</returns>
    public async Task<IReadOnlyDictionary<string, long>> EraseAsync(ErasureRequest request, CancellationToken stop)
    {
        await RunAsync(EventStatements.SetUpSession, stop);
        await using (var path = StoredEvents.Command(session, "SELECT set_config('search_path', $1, false), set_config('idle_in_transaction_session_timeout', '60s', false)", ($"{revision}, pg_catalog", NpgsqlDbType.Text)))
            await path.ExecuteNonQueryAsync(stop);
        var deleted = new Dictionary<string, long>();
        while (await CutAsync(request, stop) is { } cut)
            await EraseSliceAsync(request with { To = cut }, deleted, stop);
        await EraseSliceAsync(request, deleted, stop);
        // Letters that were under way when the tombstone came are committed now, and none is written since.
        deleted["dead_letters"] = await DeadLetterErasure.DeleteAsync(session, "dead_letters", request, stop);
        return deleted;
    }

    /// <summary>The end of the first slice, if there is more than one: a quarter of an hour, as ranges have.</summary>
    async Task<DateTime?> CutAsync(ErasureRequest request, CancellationToken stop)
    {
        await using var command = StoredEvents.Command(session, $"""
            SELECT date_bin('15 min', occurred_at, timestamptz '2000-01-01 00:00Z') + interval '15 min' FROM events
            WHERE tenant = $1 AND user_id = $2 AND received_at <= $3 AND occurred_at >= $4 AND occurred_at < $5 ORDER BY occurred_at OFFSET {SliceEvents} LIMIT 1
            """, Of(request));
        return (DateTime?)await command.ExecuteScalarAsync(stop) is { } cut && cut < request.OccurredTo ? cut : null;
    }

    async Task EraseSliceAsync(ErasureRequest request, Dictionary<string, long> deleted, CancellationToken stop)
    {
        while (!await TryEraseSliceAsync(request, deleted, stop))
        {
            // An event of before the tombstone was committed between scan and lock; it can happen once for each batch that was under way.
        }
    }

    async Task<bool> TryEraseSliceAsync(ErasureRequest request, Dictionary<string, long> deleted, CancellationToken stop)
    {
        // 1. What there is, without a lock. A crash from here to the commit changes nothing.
        var scan = await UserScan.ReadAsync(session, request, stop);
        await using var transaction = await session.BeginTransactionAsync(stop);
        // 2. Every log's place, those that are made meanwhile included: writers of batches take one of them, first of all. What is asked while they wait must go by an index.
        await RunAsync("SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; LOCK TABLE offsets IN EXCLUSIVE MODE", stop);
        var logs = await LogsAsync(stop);
        if (logs.Count == 0)
            return true;
        // 3. What came in between.
        if (!await scan.AddSinceAsync(session, logs, stop))
            return false;
        // 4. Rows go; their ids stay, with nothing that tells what they stood for.
        var counts = new Dictionary<string, long> { ["events"] = await DeleteRowsAsync(scan.Erased, stop) };
        if (counts["events"] != scan.Erased.Count)
            // Somebody else erased some of them since the scan: what it says of their figures is no longer so.
            return false;
        // 5. Objects and tasks as if the events had never been, and what that changes in everybody's counts.
        var buckets = new ActivityBuckets();
        counts["objects"] = await RecountAsync(ObjectTable.Instance, scan, isTask: false, buckets, stop);
        counts["tasks"] = await RecountAsync(TaskTable.Instance, scan, isTask: true, buckets, stop);
        // 6. The user's own counts: of the rows that stay.
        counts["aggregates"] = await ReplaceActivityAsync(request, scan, buckets, stop) + await DeleteMembersAsync(request, scan, stop);
        await ActivityStatement.AppendAsync(session, _buffer, logs[0], buckets, stop);
        // 7. Days of the user that were added up go; the rows that stay in them, and everybody's that were counted anew, are noted, to be added up again.
        await ErasedDays.DeleteAsync(session, request, buckets, stop);
        armed?.Invoke(ErasurePoint.InsidePostgres);
        await transaction.CommitAsync(stop);
        armed?.Invoke(ErasurePoint.AfterPostgresCommit);
        foreach (var (kind, n) in counts)
            deleted[kind] = deleted.GetValueOrDefault(kind) + n;
        return true;
    }

    async Task<List<int>> LogsAsync(CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("SELECT log_id FROM offsets ORDER BY log_id", session);
        await using var reader = await command.ExecuteReaderAsync(stop);
        var logs = new List<int>();
        while (await reader.ReadAsync(stop))
            logs.Add(reader.GetInt32(0));
        return logs;
    }

    async Task<long> DeleteRowsAsync(List<StoredEvent> erased, CancellationToken stop)
    {
        await using var rows = StoredEvents.Command(session, """
            DELETE FROM events e USING unnest($1::int[], $2::bigint[], $3::timestamptz[]) AS k (log_id, "offset", logged_at)
            WHERE e.log_id = k.log_id AND e."offset" = k."offset" AND e.logged_at = k.logged_at
            """, (erased.Select(e => e.LogId).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Integer), (erased.Select(e => e.Row.Offset).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Bigint),
            (erased.Select(e => EventStatements.Time(e.Row.LoggedAtUs)).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.TimestampTz));
        var n = await rows.ExecuteNonQueryAsync(stop);
        await using var ids = StoredEvents.Command(session, "UPDATE event_ledger SET digest = '' WHERE (event_id, tenant) IN (SELECT * FROM unnest($1::uuid[], $2::text[]))",
            (erased.Select(e => e.Row.EventId).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Uuid), (erased.Select(e => e.Row.Tenant).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text));
        await ids.ExecuteNonQueryAsync(stop);
        return n;
    }

    /// <returns>How many states went altogether.</returns>
    async Task<long> RecountAsync<TState>(SubjectTable<TState> table, UserScan scan, bool isTask, ActivityBuckets buckets, CancellationToken stop) where TState : class
    {
        var keys = scan.Subjects.Where(s => s.IsTask == isTask).Select(s => s.Key).ToList();
        if (keys.Count == 0)
            return 0;
        var known = await SubjectStatements.ReadAsync(table, session, keys, stop);
        var states = keys.ToDictionary(k => k, _ => table.New());
        foreach (var stored in scan.About)
            if (stored.Subject is { } subject && subject.IsTask == isTask)
                table.Add(states[subject.Key], stored.Row);
        var present = keys.ToDictionary(k => k, _ => table.New());
        foreach (var stored in scan.About.Concat(scan.Erased))
            if (stored.Subject is { } subject && subject.IsTask == isTask)
                table.Add(present[subject.Key], stored.Row);
        foreach (var (key, state) in known)
        {
            GoneRows.Keep(states[key], state, present[key], scan.IsErased);
            table.Credit(state, key, buckets, -1);
        }
        foreach (var (key, state) in states)
            table.Credit(state, key, buckets, 1);
        await using (var delete = SubjectStatements.Command(session, table.Delete, keys))
            await delete.ExecuteNonQueryAsync(stop);
        var left = states.Where(s => !table.IsEmpty(s.Value)).OrderBy(s => s.Key).Select(s => (s.Key, s.Value)).ToList();
        await SubjectStatements.CopyAsync(table, session, _buffer, table.CopyNew, left, stop);
        return keys.Count - left.Count;
    }

    /// <summary>
    /// The user's buckets in the range are made of the rows that stay in it, and of what objects and tasks still count for there. All of it may stand under one log: whoever reads adds them up.
    /// </summary>
    async Task<long> ReplaceActivityAsync(ErasureRequest request, UserScan scan, ActivityBuckets buckets, CancellationToken stop)
    {
        bool IsOwn(ActivityBuckets.Key key) => key.Tenant == request.Tenant && key.UserId == request.UserId && EventStatements.Time(key.BucketUs) >= request.OccurredFrom && EventStatements.Time(key.BucketUs) < request.OccurredTo;
        await using (var credits = StoredEvents.Command(session, """
            SELECT project_id, bucket, event_type, tool, annotation_type, coalesce(sum(completed), 0), coalesce(sum(net), 0), coalesce(sum(sourced), 0), coalesce(sum(from_model), 0), coalesce(sum(from_model_changed), 0),
                coalesce(sum(objects_saved), 0), coalesce(sum(objects_reworked), 0), coalesce(sum(tasks_submitted), 0), coalesce(sum(tasks_first_pass), 0), coalesce(sum(items), 0)
            FROM activity WHERE tenant = $1 AND user_id = $2 AND bucket >= $4 AND bucket < $5 AND $3::timestamptz IS NOT NULL GROUP BY 1, 2, 3, 4, 5
            """, Of(request)))
        await using (var reader = await credits.ExecuteReaderAsync(stop))
            while (await reader.ReadAsync(stop))
                AddCredits(reader, request, buckets);
        foreach (var stored in scan.Erased.Concat(scan.Kept))
            buckets.UncreditWithoutObject(stored.Row);
        foreach (var stored in scan.Kept)
            buckets.Add(stored.Row);
        // Where nothing of the user stays nothing is counted either, whatever retention took before.
        if (request is { From: null, To: null })
        {
            var kept = scan.Kept.Select(k => (k.Row.ProjectId, ActivityBuckets.BucketOf(k.Row.OccurredAtUs))).ToHashSet();
            buckets.Remove(k => IsOwn(k) && !kept.Contains((k.ProjectId, k.BucketUs)));
        }
        await using var delete = StoredEvents.Command(session, "DELETE FROM activity WHERE tenant = $1 AND user_id = $2 AND bucket >= $4 AND bucket < $5 AND $3::timestamptz IS NOT NULL", Of(request));
        return await delete.ExecuteNonQueryAsync(stop);
    }

    static void AddCredits(NpgsqlDataReader reader, ErasureRequest request, ActivityBuckets buckets)
    {
        var at = (reader.GetDateTime(1) - DateTime.UnixEpoch).Ticks / 10;
        var sums = buckets.Of(new ActivityBuckets.Key(request.Tenant, request.UserId, reader.GetString(0), at, (EventType)reader.GetInt16(2), reader.GetString(3), reader.GetString(4)));
        // A row that stays brings its own times; these keep one valid that has none.
        (sums.FirstUs, sums.LastUs) = (Math.Min(sums.FirstUs, at + ActivityBuckets.BucketUs - 1), Math.Max(sums.LastUs, at));
        sums.Completed += reader.GetInt64(5);
        sums.Net += reader.GetInt64(6);
        sums.Sourced += reader.GetInt64(7);
        sums.FromModel += reader.GetInt64(8);
        sums.FromModelChanged += reader.GetInt64(9);
        sums.ObjectsSaved += reader.GetInt64(10);
        sums.ObjectsReworked += reader.GetInt64(11);
        sums.TasksSubmitted += reader.GetInt64(12);
        sums.TasksFirstPass += reader.GetInt64(13);
        sums.Items += reader.GetInt64(14);
    }

    async Task<long> DeleteMembersAsync(ErasureRequest request, UserScan scan, CancellationToken stop)
    {
        await using var delete = StoredEvents.Command(session, "DELETE FROM members WHERE tenant = $1 AND user_id = $2 AND project_id <> ALL ($3)",
            (request.Tenant, NpgsqlDbType.Text), (request.UserId, NpgsqlDbType.Text), (scan.KeptProjects.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text));
        return await delete.ExecuteNonQueryAsync(stop);
    }

    static (object, NpgsqlDbType)[] Of(ErasureRequest request) =>
    [
        (request.Tenant, NpgsqlDbType.Text), (request.UserId, NpgsqlDbType.Text), (request.ReceivedUntil, NpgsqlDbType.TimestampTz),
        (request.OccurredFrom, NpgsqlDbType.TimestampTz), (request.OccurredTo, NpgsqlDbType.TimestampTz),
    ];

    async Task RunAsync(string sql, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync(stop);
    }
}
