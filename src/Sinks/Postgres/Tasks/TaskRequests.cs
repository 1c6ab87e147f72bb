using Npgsql;
using Pipeline.Contracts.Analysis;

namespace Pipeline.Sinks.Postgres.Tasks;

/// <summary>What there was when a request came in.</summary>
public enum Submission
{
    New,

    /// <summary>The same request came before.</summary>
    Known,

    /// <summary>Another request has this id.</summary>
    Conflict,
}

/// <summary>Ingest's side of tasks: requests that come in, and those that are taken back.</summary>
public sealed class TaskRequests(NpgsqlDataSource database)
{
    static readonly string CancelSql = $"""
        UPDATE control.tasks t SET {TaskColumns.End(TaskColumns.Number(TaskState.Cancelled))}, finished_at = clock_timestamp(), lease_until = NULL
        WHERE tenant = $1 AND request_id = $2 AND state < {TaskColumns.Number(TaskState.Completed)}
        """;

    /// <summary>
    /// Says of a request that is known whether it was read. If not, its time is now: whoever asked before and was refused by the broker must not remove the row that this one relies on, nor is it given up
    /// as one that nobody read for long.
    /// </summary>
    const string FindSql = """
        WITH again AS (UPDATE control.tasks SET submitted_at = clock_timestamp() WHERE tenant = $1 AND request_id = $2 AND digest = $3 AND state = 1 RETURNING submitted_at)
        SELECT state, digest = $3, (SELECT submitted_at FROM again) FROM control.tasks WHERE tenant = $1 AND request_id = $2
        """;

    /// <summary>Before the request is produced, so that a read right after the answer finds it.</summary>
    /// <returns>Besides, the row's time, by which <see cref="RemoveAsync"/> knows whether it was asked for again since.</returns>
    public async Task<(Submission Submission, TaskState State, DateTime At)> SubmitAsync(NewTask task, CancellationToken stop)
    {
        while (true)
        {
            await using var insert = database.CreateCommand("""
                INSERT INTO control.tasks (tenant, request_id, digest, algorithm, priority, state, states, entered, submitted_at)
                VALUES ($1, $2, $3, $4, $5, 1, '{1}', ARRAY[clock_timestamp()], clock_timestamp()) ON CONFLICT DO NOTHING RETURNING submitted_at
                """);
            insert.Parameters.AddWithValue(task.Key.Tenant);
            insert.Parameters.AddWithValue(task.Key.RequestId);
            insert.Parameters.AddWithValue(task.Digest);
            insert.Parameters.AddWithValue(task.Algorithm);
            insert.Parameters.AddWithValue((short)task.Priority);
            if (await insert.ExecuteScalarAsync(stop) is DateTime at)
                return (Submission.New, TaskState.Submitted, at);
            await using var find = database.CreateCommand(FindSql);
            find.Parameters.AddWithValue(task.Key.Tenant);
            find.Parameters.AddWithValue(task.Key.RequestId);
            find.Parameters.AddWithValue(task.Digest);
            await using var reader = await find.ExecuteReaderAsync(stop);
            if (!await reader.ReadAsync(stop))
                // Removed in between: then it is new.
                continue;
            var (state, same) = ((TaskState)reader.GetInt16(0), reader.GetBoolean(1));
            if (!same || state != TaskState.Submitted)
                return (same ? Submission.Known : Submission.Conflict, state, default);
            if (!reader.IsDBNull(2))
                return (Submission.Known, state, reader.GetDateTime(2));
            // Removed, or read, between the two looks of one statement.
        }
    }

    /// <summary>After the broker did not take the request. If it is in the log all the same, whoever reads it there makes the row anew.</summary>
    /// <param name="at">As <see cref="SubmitAsync"/> said it. A row that was asked for again since is not ours alone: the other one may have been accepted.</param>
    public async Task RemoveAsync(NewTask task, DateTime at, CancellationToken stop)
    {
        await using var command = database.CreateCommand($"DELETE FROM control.tasks WHERE tenant = $1 AND request_id = $2 AND digest = $3 AND submitted_at = $4 AND state = {TaskColumns.Number(TaskState.Submitted)}");
        command.Parameters.AddWithValue(task.Key.Tenant);
        command.Parameters.AddWithValue(task.Key.RequestId);
        command.Parameters.AddWithValue(task.Digest);
        command.Parameters.AddWithValue(at);
        await command.ExecuteNonQueryAsync(stop);
    }

    /// <returns>False where there is no such task, or it had ended.</returns>
    public async Task<bool> CancelAsync(TaskKey task, CancellationToken stop)
    {
        await using var command = database.CreateCommand(CancelSql);
        command.Parameters.AddWithValue(task.Tenant);
        command.Parameters.AddWithValue(task.RequestId);
        return await command.ExecuteNonQueryAsync(stop) == 1;
    }
}
