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

    /// <summary>Before the request is produced, so that a read right after the answer finds it.</summary>
    public async Task<(Submission Submission, TaskState State)> SubmitAsync(NewTask task, CancellationToken stop)
    {
        while (true)
        {
            await using var insert = database.CreateCommand("""
                INSERT INTO control.tasks (tenant, request_id, digest, algorithm, priority, state, states, entered, submitted_at)
                VALUES ($1, $2, $3, $4, $5, 1, '{1}', ARRAY[clock_timestamp()], clock_timestamp()) ON CONFLICT DO NOTHING
                """);
            insert.Parameters.AddWithValue(task.Key.Tenant);
            insert.Parameters.AddWithValue(task.Key.RequestId);
            insert.Parameters.AddWithValue(task.Digest);
            insert.Parameters.AddWithValue(task.Algorithm);
            insert.Parameters.AddWithValue((short)task.Priority);
            if (await insert.ExecuteNonQueryAsync(stop) == 1)
                return (Submission.New, TaskState.Submitted);
            await using var find = database.CreateCommand("SELECT state, digest = $3 FROM control.tasks WHERE tenant = $1 AND request_id = $2");
            find.Parameters.AddWithValue(task.Key.Tenant);
            find.Parameters.AddWithValue(task.Key.RequestId);
            find.Parameters.AddWithValue(task.Digest);
            await using var reader = await find.ExecuteReaderAsync(stop);
            // Removed in between: then it is new.
            if (await reader.ReadAsync(stop))
                return (reader.GetBoolean(1) ? Submission.Known : Submission.Conflict, (TaskState)reader.GetInt16(0));
        }
    }

    /// <summary>After the broker did not take the request. If it is in the log all the same, whoever reads it there makes the row anew.</summary>
    public async Task RemoveAsync(NewTask task, CancellationToken stop)
    {
        await using var command = database.CreateCommand($"DELETE FROM control.tasks WHERE tenant = $1 AND request_id = $2 AND digest = $3 AND state = {TaskColumns.Number(TaskState.Submitted)}");
        command.Parameters.AddWithValue(task.Key.Tenant);
        command.Parameters.AddWithValue(task.Key.RequestId);
        command.Parameters.AddWithValue(task.Digest);
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
