using Npgsql;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>
/// Enters a batch's ids in the ledger and finds out which of them were known. Most batches hold only new ids, so that a plain COPY is tried
/// first: it looks each id up once, where <c>ON CONFLICT</c> looks twice and needs the ids in a table before. The first known id fails the COPY, the
/// savepoint takes it back, and batches go the careful way until one of them was all new again.
/// </summary>
sealed class EventLedger
{
    const string CopyNew = "COPY event_ledger (event_id, \"offset\", logged_at, log_id, tenant, digest) FROM STDIN (FORMAT binary)";

    const string CopyAny = "COPY pg_temp.batch_ids (event_id, \"offset\", logged_at, log_id, tenant, digest) FROM STDIN (FORMAT binary)";

    const string InsertAny = """
        INSERT INTO event_ledger (event_id, "offset", logged_at, log_id, tenant, digest)
        SELECT event_id, "offset", logged_at, log_id, tenant, digest FROM pg_temp.batch_ids ORDER BY event_id, tenant
        ON CONFLICT DO NOTHING
        """;

    const string Known = """
        SELECT b."offset", l.digest, l.log_id, l."offset", l.logged_at FROM pg_temp.batch_ids b JOIN event_ledger l USING (event_id, tenant)
        WHERE NOT (l.log_id = b.log_id AND l."offset" = b."offset")
        """;

    const string StoredValues = """
        SELECT e.log_id, e."offset", e.value FROM unnest($1::int[], $2::bigint[], $3::timestamptz[]) AS k (log_id, "offset", logged_at)
        JOIN events e ON e.log_id = k.log_id AND e."offset" = k."offset" AND e.logged_at = k.logged_at
        """;

    bool _expectNew = true;

    /// <summary>After it, the ids of the batch are in the ledger and <paramref name="duplicates"/> knows those that were there before.</summary>
    public async Task EnterAsync(NpgsqlTransaction transaction, CopyBuffer buffer, Fence fence, Duplicates duplicates, CancellationToken stop)
    {
        if (duplicates.Firsts.Count == 0 || (_expectNew && await TryEnterNewAsync(transaction, buffer, fence, duplicates.Firsts, stop)))
            return;
        var session = transaction.Connection!;
        await CopyAsync(session, buffer, CopyAny, fence, duplicates.Firsts, stop);
        await using var insert = new NpgsqlCommand(InsertAny, session);
        var fresh = await insert.ExecuteNonQueryAsync(stop);
        _expectNew = fresh == duplicates.Firsts.Count;
        // Ids already known: only now, a statement later, is the row visible that the insert waited for.
        if (!_expectNew)
            await CompareKnownAsync(session, duplicates, stop);
        if (fresh + duplicates.KnownCount != duplicates.Firsts.Count)
            throw new FencedException("an id left the ledger between two statements; the batch is tried again");
    }

    static async Task<bool> TryEnterNewAsync(NpgsqlTransaction transaction, CopyBuffer buffer, Fence fence, List<EventRow> rows, CancellationToken stop)
    {
        const string savepoint = "ledger";
        await transaction.SaveAsync(savepoint, stop);
        try
        {
            // In key order, like the careful way, so that writers who meet the same ids never wait for each other in a circle.
            await CopyAsync(transaction.Connection!, buffer, CopyNew, fence, InKeyOrder(rows), stop);
            return true;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            await transaction.RollbackAsync(savepoint, stop);
            return false;
        }
    }

    static EventRow[] InKeyOrder(List<EventRow> rows)
    {
        // The ids apart: rows are looked at once and not at each comparison.
        var (ids, ordered) = (new Guid[rows.Count], rows.ToArray());
        for (var i = 0; i < ids.Length; i++)
            ids[i] = ordered[i].EventId;
        Array.Sort(ids, ordered);
        for (int first = 0, next; first < ids.Length; first = next)
        {
            for (next = first + 1; next < ids.Length && ids[next] == ids[first];)
                next++;
            if (next - first > 1)
                ordered.AsSpan(first, next - first).Sort((a, b) => string.CompareOrdinal(a.Tenant, b.Tenant));
        }
        return ordered;
    }

    static async Task CopyAsync(NpgsqlConnection session, CopyBuffer buffer, string copy, Fence fence, IReadOnlyList<EventRow> rows, CancellationToken stop)
    {
        await buffer.StartAsync(session, copy, stop);
        foreach (var row in rows)
        {
            buffer.Row(6);
            buffer.Uuid(row.EventId);
            buffer.BigInt(row.Offset);
            buffer.Time(row.LoggedAtUs);
            buffer.Int(fence.LogId);
            buffer.Text(row.Tenant);
            buffer.Bytea(row.IsErased ? [] : row.Digest);
            await buffer.EndRowAsync(stop);
        }
        await buffer.CompleteAsync(stop);
    }

    static async Task CompareKnownAsync(NpgsqlConnection session, Duplicates duplicates, CancellationToken stop)
    {
        var byOffset = duplicates.Firsts.ToDictionary(r => r.Offset);
        await using (var known = new NpgsqlCommand(Known, session))
        await using (var reader = await known.ExecuteReaderAsync(stop))
            while (await reader.ReadAsync(stop))
                duplicates.MarkKnown(byOffset[reader.GetInt64(0)],
                    new KnownEvent(reader.GetFieldValue<byte[]>(1), reader.GetInt32(2), reader.GetInt64(3), reader.GetDateTime(4)));

        var undecided = duplicates.Undecided().ToDictionary(k => (k.LogId, k.Offset));
        if (undecided.Count == 0)
            return;
        await using var values = new NpgsqlCommand(StoredValues, session)
        {
            Parameters =
            {
                new() { Value = undecided.Values.Select(k => k.LogId).ToArray() }, new() { Value = undecided.Values.Select(k => k.Offset).ToArray() },
                new() { Value = undecided.Values.Select(k => k.LoggedAt).ToArray() },
            },
        };
        await using var found = await values.ExecuteReaderAsync(stop);
        while (await found.ReadAsync(stop))
            undecided[(found.GetInt32(0), found.GetInt64(1))].Value = found.GetFieldValue<byte[]>(2);
    }
}
