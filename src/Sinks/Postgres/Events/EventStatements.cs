using Npgsql;
using NpgsqlTypes;
using Pipeline.Contracts.Events;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>The statements of one batch. They name no schema: the session's search_path is the revision that the owner acquired.</summary>
static class EventStatements
{
    /// <summary>
    /// A vanished client must not hold its transaction for longer than 5 s. The temporary table lives as long as the session and is emptied
    /// by each commit.
    /// </summary>
    public const string SetUpSession = """
        SET idle_in_transaction_session_timeout = '5s'; SET client_min_messages = warning;
        CREATE TEMPORARY TABLE batch (
            "offset" bigint NOT NULL, logged_at timestamptz NOT NULL, occurred_at timestamptz NOT NULL, received_at timestamptz NOT NULL,
            event_id uuid NOT NULL, event_type smallint NOT NULL, tenant text COLLATE "C" NOT NULL, user_id text COLLATE "C" NOT NULL,
            project_id text COLLATE "C" NOT NULL, tool text COLLATE "C", digest bytea NOT NULL, header bytea, value bytea NOT NULL
        ) ON COMMIT DELETE ROWS
        """;

    const string Copy = """
        COPY pg_temp.batch ("offset", logged_at, occurred_at, received_at, event_id, event_type, tenant, user_id, project_id, tool, digest, header, value)
        FROM STDIN (FORMAT binary)
        """;

    const string InsertIds = """
        INSERT INTO event_ledger (event_id, "offset", logged_at, log_id, tenant, digest)
        SELECT event_id, "offset", logged_at, $1, tenant, digest FROM pg_temp.batch ORDER BY tenant, event_id
        ON CONFLICT DO NOTHING RETURNING "offset"
        """;

    const string Known = """
        SELECT b."offset", l.digest, l.log_id, l."offset", l.logged_at FROM pg_temp.batch b JOIN event_ledger l USING (tenant, event_id)
        WHERE NOT (l.log_id = $1 AND l."offset" = b."offset")
        """;

    const string StoredValues = """
        SELECT e.log_id, e."offset", e.value FROM unnest($1::int[], $2::bigint[], $3::timestamptz[]) AS k (log_id, "offset", logged_at)
        JOIN events e ON e.log_id = k.log_id AND e."offset" = k."offset" AND e.logged_at = k.logged_at
        """;

    const string InsertRows = """
        INSERT INTO events ("offset", logged_at, occurred_at, received_at, event_id, log_id, event_type, tenant, user_id, project_id, tool, header, value)
        SELECT "offset", logged_at, occurred_at, received_at, event_id, $1, event_type, tenant, user_id, project_id, tool, header, value FROM pg_temp.batch
        """;

    public static DateTime Time(long unixUs) => DateTime.UnixEpoch.AddTicks(unixUs * 10);

    public static async Task CopyAsync(NpgsqlConnection session, List<EventRow> rows, Action<ArmedPoint>? armed, CancellationToken stop)
    {
        if (rows.Count == 0)
            return;
        await using var importer = await session.BeginBinaryImportAsync(Copy, stop);
        foreach (var row in rows)
        {
            if (armed is not null && ReferenceEquals(row, rows[rows.Count / 2]))
                armed(ArmedPoint.InsideCopy);
            await importer.StartRowAsync(stop);
            await importer.WriteAsync(row.Offset, NpgsqlDbType.Bigint, stop);
            await importer.WriteAsync(Time(row.LoggedAtUs), NpgsqlDbType.TimestampTz, stop);
            await importer.WriteAsync(Time(row.OccurredAtUs), NpgsqlDbType.TimestampTz, stop);
            await importer.WriteAsync(Time(row.ReceivedAtUs), NpgsqlDbType.TimestampTz, stop);
            await importer.WriteAsync(row.EventId, NpgsqlDbType.Uuid, stop);
            await importer.WriteAsync((short)row.Type, NpgsqlDbType.Smallint, stop);
            await importer.WriteAsync(row.Tenant, NpgsqlDbType.Text, stop);
            await importer.WriteAsync(row.UserId, NpgsqlDbType.Text, stop);
            await importer.WriteAsync(row.ProjectId, NpgsqlDbType.Text, stop);
            await WriteOrNullAsync(importer, row.Tool, NpgsqlDbType.Text, stop);
            await importer.WriteAsync(row.Digest, NpgsqlDbType.Bytea, stop);
            await WriteOrNullAsync(importer, row.Header, NpgsqlDbType.Bytea, stop);
            await importer.WriteAsync(row.Value, NpgsqlDbType.Bytea, stop);
        }
        await importer.CompleteAsync(stop);
    }

    static Task WriteOrNullAsync<T>(NpgsqlBinaryImporter importer, T? value, NpgsqlDbType type, CancellationToken stop) where T : class =>
        value is null ? importer.WriteNullAsync(stop) : importer.WriteAsync(value, type, stop);

    /// <returns>Offsets of the events whose ids were new.</returns>
    public static async Task<List<long>> AdvanceAndInsertIdsAsync(NpgsqlConnection session, Fence fence, EventBatch batch, int expected, CancellationToken stop)
    {
        await using var commands = new NpgsqlBatch(session);
        commands.BatchCommands.Add(Command("SELECT advance($1, $2, $3, $4)", fence.LogId, fence.Epoch, fence.NextOffset, batch.Next));
        if (expected > 0)
            commands.BatchCommands.Add(Command(InsertIds, fence.LogId));
        var fresh = new List<long>(expected);
        await using var reader = await commands.ExecuteReaderAsync(stop);
        await reader.ReadAsync(stop);
        if (await reader.NextResultAsync(stop))
            while (await reader.ReadAsync(stop))
                fresh.Add(reader.GetInt64(0));
        return fresh;
    }

    public static async Task CompareKnownAsync(NpgsqlConnection session, Fence fence, Duplicates duplicates, CancellationToken stop)
    {
        var byOffset = duplicates.Firsts.ToDictionary(r => r.Offset);
        await using (var commands = new NpgsqlBatch(session) { BatchCommands = { Command(Known, fence.LogId) } })
        await using (var reader = await commands.ExecuteReaderAsync(stop))
            while (await reader.ReadAsync(stop))
                duplicates.MarkKnown(byOffset[reader.GetInt64(0)],
                    new KnownEvent(reader.GetFieldValue<byte[]>(1), reader.GetInt32(2), reader.GetInt64(3), reader.GetDateTime(4)));

        var undecided = duplicates.Undecided().ToDictionary(k => (k.LogId, k.Offset));
        if (undecided.Count == 0)
            return;
        await using var values = new NpgsqlBatch(session)
        {
            BatchCommands =
            {
                Command(StoredValues, undecided.Values.Select(k => k.LogId).ToArray(), undecided.Values.Select(k => k.Offset).ToArray(),
                    undecided.Values.Select(k => k.LoggedAt).ToArray()),
            },
        };
        await using var found = await values.ExecuteReaderAsync(stop);
        while (await found.ReadAsync(stop))
            undecided[(found.GetInt32(0), found.GetInt64(1))].Value = found.GetFieldValue<byte[]>(2);
    }

    public static async Task InsertAsync(NpgsqlConnection session, Fence fence, EventBatch batch, List<EventRow> stored, List<EventRow> repeated,
        List<EventRow> conflicting, CancellationToken stop)
    {
        await using var commands = new NpgsqlBatch(session);
        if (stored.Count > 0)
        {
            var buckets = new ActivityBuckets();
            foreach (var row in stored)
                buckets.Add(row);
            var all = repeated.Count + conflicting.Count == 0;
            commands.BatchCommands.Add(all ? Command(InsertRows, fence.LogId)
                : Command(InsertRows + " WHERE \"offset\" = ANY ($2)", fence.LogId, stored.Select(r => r.Offset).ToArray()));
            commands.BatchCommands.Add(ActivityStatement.Upsert(fence.LogId, buckets.InKeyOrder()));
        }
        var letters = batch.DeadLetters.Concat(conflicting.Select(r => r.ToDeadLetter(new EventFault(FaultReason.ConflictingDuplicate, "event_id")))).ToList();
        foreach (var command in DeadLetterStatement.Insert(fence.Log, letters))
            commands.BatchCommands.Add(command);
        commands.BatchCommands.Add(OutcomeStatement.Upsert(fence.Log, batch, stored, repeated, letters));
        await commands.ExecuteNonQueryAsync(stop);
    }

    internal static NpgsqlBatchCommand Command(string sql, params object[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        return command;
    }
}
