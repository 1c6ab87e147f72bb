using Npgsql;
using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres.Erasure;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>The statements of one batch. They name no schema: the session's search_path is the revision that the owner acquired.</summary>
static class EventStatements
{
    /// <summary>
    /// A vanished client must not hold its transaction for longer than 5 s. Known ids are looked up by the ledger's index, which at the default
    /// cost of a random page loses to reading the whole table. The temporary table lives as long as the session and is emptied
    /// by each commit.
    /// </summary>
    public const string SetUpSession = $"""
        SET idle_in_transaction_session_timeout = '5s'; SET client_min_messages = warning; SET random_page_cost = 1.1;
        CREATE TEMPORARY TABLE batch_ids (
            event_id uuid NOT NULL, "offset" bigint NOT NULL, logged_at timestamptz NOT NULL, log_id int NOT NULL, tenant text COLLATE "C" NOT NULL, digest bytea NOT NULL
        ) ON COMMIT DELETE ROWS;
        {ActivityStatement.MakeTable}; {ObjectTable.MakeTable}; {TaskTable.MakeTable}
        """;

    const string CopyRows = """
        COPY events ("offset", logged_at, occurred_at, received_at, event_id, log_id, event_type, tenant, user_id, project_id, tool, header, value)
        FROM STDIN (FORMAT binary)
        """;

    public static DateTime Time(long unixUs) => DateTime.UnixEpoch.AddTicks(unixUs * 10);

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

    /// <summary>The fence: raises under an old epoch or offset.</summary>
    /// <returns>The version of the tombstones, and before which time whoever changes something notes the day; both read behind the fence.</returns>
    public static async Task<(long Tombstones, DateTime NotedBefore)> AdvanceAsync(NpgsqlConnection session, Fence fence, long next, CancellationToken stop)
    {
        await using var commands = new NpgsqlBatch(session)
        {
            BatchCommands = { Command("SELECT advance_log($1, $2, $3, $4)", fence.LogId, fence.Epoch, fence.NextOffset, next), new NpgsqlBatchCommand(Tombstones.ReadVersion) },
        };
        await using var reader = await commands.ExecuteReaderAsync(stop);
        await reader.ReadAsync(stop);
        var notedBefore = reader.GetDateTime(0);
        await reader.NextResultAsync(stop);
        await reader.ReadAsync(stop);
        return (reader.GetInt64(0), notedBefore);
    }

    /// <summary>What is left of the batch: the temporary tables into their tables, what is noted, letters and outcomes.</summary>
    /// <exception cref="FencedException">A row to add to was not there.</exception>
    public static async Task UpsertAsync(NpgsqlConnection session, Fence fence, EventBatch batch, ResolvedEvents resolved, List<Merge> merges, IEnumerable<NpgsqlBatchCommand> notes, CancellationToken stop)
    {
        await using var commands = new NpgsqlBatch(session);
        foreach (var merge in merges)
            commands.BatchCommands.Add(merge.Command);
        foreach (var note in notes)
            commands.BatchCommands.Add(note);
        var letters = batch.DeadLetters.Where(l => !l.IsErased).Concat(resolved.Conflicting.Select(r => r.ToDeadLetter(new EventFault(FaultReason.ConflictingDuplicate, "event_id")))).ToList();
        foreach (var command in DeadLetterStatement.Insert(fence.Log, letters))
            commands.BatchCommands.Add(command);
        if (QualityStatement.Upsert(fence, resolved, letters) is { } quality)
            commands.BatchCommands.Add(quality);
        commands.BatchCommands.Add(OutcomeStatement.Upsert(fence.Log, batch, resolved, letters));
        await commands.ExecuteNonQueryAsync(stop);
        if (merges.Find(m => m.Command.RecordsAffected != m.Rows) is { } torn)
            throw new FencedException($"{torn.Rows} rows were to be added to and {torn.Command.RecordsAffected} were; the batch is tried again");
    }

    internal static NpgsqlBatchCommand Command(string sql, params object[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        return command;
    }
}
