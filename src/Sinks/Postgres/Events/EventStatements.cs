using Npgsql;
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
        CREATE TEMPORARY TABLE batch_ids (
            event_id uuid NOT NULL, "offset" bigint NOT NULL, logged_at timestamptz NOT NULL, tenant text COLLATE "C" NOT NULL, digest bytea NOT NULL
        ) ON COMMIT DELETE ROWS;
        CREATE TEMPORARY TABLE batch_activity (
            bucket timestamptz NOT NULL, first_at timestamptz NOT NULL, last_at timestamptz NOT NULL, events bigint NOT NULL, succeeded bigint NOT NULL,
            durations bigint NOT NULL, duration_us bigint NOT NULL, duration_outliers bigint NOT NULL, log_id int NOT NULL, event_type smallint NOT NULL,
            tenant text COLLATE "C" NOT NULL, user_id text COLLATE "C" NOT NULL, project_id text COLLATE "C" NOT NULL, tool text COLLATE "C" NOT NULL,
            annotation_type text COLLATE "C" NOT NULL
        ) ON COMMIT DELETE ROWS
        """;

    const string CopyIds = "COPY pg_temp.batch_ids (event_id, \"offset\", logged_at, tenant, digest) FROM STDIN (FORMAT binary)";

    const string CopyRows = """
        COPY events ("offset", logged_at, occurred_at, received_at, event_id, log_id, event_type, tenant, user_id, project_id, tool, header, value)
        FROM STDIN (FORMAT binary)
        """;

    const string InsertIds = """
        INSERT INTO event_ledger (event_id, "offset", logged_at, log_id, tenant, digest)
        SELECT event_id, "offset", logged_at, $1, tenant, digest FROM pg_temp.batch_ids ORDER BY event_id, tenant
        ON CONFLICT DO NOTHING
        """;

    const string Known = """
        SELECT b."offset", l.digest, l.log_id, l."offset", l.logged_at FROM pg_temp.batch_ids b JOIN event_ledger l USING (tenant, event_id)
        WHERE NOT (l.log_id = $1 AND l."offset" = b."offset")
        """;

    const string StoredValues = """
        SELECT e.log_id, e."offset", e.value FROM unnest($1::int[], $2::bigint[], $3::timestamptz[]) AS k (log_id, "offset", logged_at)
        JOIN events e ON e.log_id = k.log_id AND e."offset" = k."offset" AND e.logged_at = k.logged_at
        """;

    public static DateTime Time(long unixUs) => DateTime.UnixEpoch.AddTicks(unixUs * 10);

    public static async Task CopyIdsAsync(NpgsqlConnection session, CopyBuffer buffer, List<EventRow> rows, CancellationToken stop)
    {
        if (rows.Count == 0)
            return;
        await buffer.StartAsync(session, CopyIds, stop);
        foreach (var row in rows)
        {
            buffer.Row(5);
            buffer.Uuid(row.EventId);
            buffer.BigInt(row.Offset);
            buffer.Time(row.LoggedAtUs);
            buffer.Text(row.Tenant);
            buffer.Bytea(row.Digest);
            await buffer.EndRowAsync(stop);
        }
        await buffer.CompleteAsync(stop);
    }

    public static async Task CopyRowsAsync(NpgsqlConnection session, CopyBuffer buffer, Fence fence, List<EventRow> rows, Action? halfway, CancellationToken stop)
    {
        if (rows.Count == 0)
            return;
        await buffer.StartAsync(session, CopyRows, stop);
        for (var i = 0; i < rows.Count; i++)
        {
            var row = rows[i];
            if (halfway is not null && i == rows.Count / 2)
            {
                await buffer.FlushAsync(stop);
                halfway();
            }
            buffer.Row(13);
            buffer.BigInt(row.Offset);
            buffer.Time(row.LoggedAtUs);
            buffer.Time(row.OccurredAtUs);
            buffer.Time(row.ReceivedAtUs);
            buffer.Uuid(row.EventId);
            buffer.Int(fence.LogId);
            buffer.SmallInt((short)row.Type);
            buffer.Text(row.Tenant);
            buffer.Text(row.UserId);
            buffer.Text(row.ProjectId);
            buffer.Text(row.Tool);
            buffer.Bytea(row.Header);
            buffer.Bytea(row.Value);
            await buffer.EndRowAsync(stop);
        }
        await buffer.CompleteAsync(stop);
    }

    /// <returns>How many ids were new.</returns>
    public static async Task<int> AdvanceAndInsertIdsAsync(NpgsqlConnection session, Fence fence, EventBatch batch, int expected, CancellationToken stop)
    {
        await using var commands = new NpgsqlBatch(session);
        commands.BatchCommands.Add(Command("SELECT advance($1, $2, $3, $4)", fence.LogId, fence.Epoch, fence.NextOffset, batch.Next));
        if (expected > 0)
            commands.BatchCommands.Add(Command(InsertIds, fence.LogId));
        await using var reader = await commands.ExecuteReaderAsync(stop);
        // The first result is the fence's; an exception of either statement surfaces on the way.
        await reader.NextResultAsync(stop);
        return expected > 0 ? (int)commands.BatchCommands[1].Rows : 0;
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

    /// <summary>What is left of the batch: aggregates, letters and outcomes.</summary>
    public static async Task UpsertAsync(NpgsqlConnection session, Fence fence, EventBatch batch, List<EventRow> stored, List<EventRow> repeated,
        List<EventRow> conflicting, CancellationToken stop)
    {
        await using var commands = new NpgsqlBatch(session);
        if (stored.Count > 0)
            commands.BatchCommands.Add(new NpgsqlBatchCommand(ActivityStatement.Upsert));
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
