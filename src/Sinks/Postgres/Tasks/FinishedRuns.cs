using System.Globalization;
using Npgsql;
using Pipeline.Contracts.Analysis;

namespace Pipeline.Sinks.Postgres.Tasks;

/// <param name="State">Completed, abandoned or cancelled.</param>
/// <param name="Result">A JSON object, of a completed one.</param>
/// <param name="Metadata">A JSON object, where an algorithm ran.</param>
public sealed record FinishedRun(TaskKey Task, ScheduledRun Run, TaskState State, string? Result, string? Metadata)
{
    /// <summary>No later run of the same schedule and subject has its points: what they have in common stays theirs.</summary>
    public bool IsLatest { get; init; } = true;
}

/// <summary>Runs that ended and whose points are still to be written, by one process at a time. Their tasks are held so that an erasure, which deletes them, waits, and who reads their requests again does not.</summary>
/// <param name="writeTimeout">Of one run's points. A process that stands still for longer gives up what it holds.</param>
public sealed class FinishedRuns(NpgsqlDataSource database, TimeSpan writeTimeout)
{
    /// <summary>Few: their rows are held while the points are written, and an erasure waits for that.</summary>
    const int Most = 5;

    static readonly string FindSql = $"""
        SELECT r.tenant, r.request_id, r.schedule, r.due_at, r.project_id, r.user_id, t.state, t.result::text, t.metadata::text, NOT EXISTS (
            SELECT FROM control.scheduled_runs l WHERE l.schedule = r.schedule AND l.due_at > r.due_at AND l.points_at IS NOT NULL
                AND l.tenant = r.tenant AND l.project_id IS NOT DISTINCT FROM r.project_id AND l.user_id IS NOT DISTINCT FROM r.user_id)
        FROM control.scheduled_runs r JOIN control.tasks t USING (tenant, request_id, digest)
        WHERE r.points_at IS NULL AND t.state >= {TaskColumns.Number(TaskState.Completed)} AND r.schedule = ANY($1) ORDER BY r.due_at LIMIT {Most} FOR UPDATE OF r FOR KEY SHARE OF t
        """;

    /// <summary>Hands runs that ended, the oldest first, to who writes their points, and notes those as written. An erasure waits for it: what is written meanwhile it finds and deletes.</summary>
    /// <param name="schedules">Of these alone.</param>
    /// <param name="write">Returns why there will be no points, or null when they are stored. What it throws leaves them for later.</param>
    /// <returns>How many there were; 0 too while another process does it.</returns>
    public async Task<int> WriteAsync(IReadOnlyCollection<string> schedules, Func<FinishedRun, CancellationToken, Task<string?>> write, CancellationToken stop)
    {
        await using var connection = await database.OpenConnectionAsync(stop);
        await using var transaction = await connection.BeginTransactionAsync(stop);
        var idle = ((long)(writeTimeout + TimeSpan.FromSeconds(10)).TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
        await using (var turn = new NpgsqlCommand($"SET LOCAL idle_in_transaction_session_timeout = {idle}; SELECT pg_try_advisory_xact_lock(hashtextextended('pipeline.scheduled_points', 0))", connection))
            if (!(bool)(await turn.ExecuteScalarAsync(stop))!)
                return 0;
        var runs = await FindAsync(connection, schedules, stop);
        foreach (var run in runs)
        {
            var fault = await write(run, stop);
            await using var note = new NpgsqlCommand("UPDATE control.scheduled_runs SET points_at = clock_timestamp(), points_fault = $3 WHERE tenant = $1 AND request_id = $2", connection);
            note.Parameters.AddWithValue(run.Task.Tenant);
            note.Parameters.AddWithValue(run.Task.RequestId);
            note.Parameters.Add(new NpgsqlParameter<string?> { TypedValue = fault });
            await note.ExecuteNonQueryAsync(stop);
        }
        await transaction.CommitAsync(stop);
        return runs.Count;
    }

    static async Task<List<FinishedRun>> FindAsync(NpgsqlConnection connection, IReadOnlyCollection<string> schedules, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(FindSql, connection);
        command.Parameters.AddWithValue(schedules.ToArray());
        await using var reader = await command.ExecuteReaderAsync(stop);
        var runs = new List<FinishedRun>();
        while (await reader.ReadAsync(stop))
            runs.Add(new FinishedRun(new TaskKey(reader.GetString(0), reader.GetString(1)), new ScheduledRun(reader.GetString(2), reader.GetDateTime(3), Text(4), Text(5)), (TaskState)reader.GetInt16(6), Text(7), Text(8)) { IsLatest = reader.GetBoolean(9) });
        return runs;

        string? Text(int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
    }
}
