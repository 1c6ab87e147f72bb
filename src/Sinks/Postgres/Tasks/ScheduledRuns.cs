using Npgsql;
using Pipeline.Contracts.Analysis;

namespace Pipeline.Sinks.Postgres.Tasks;

/// <param name="ProjectId">Null where it is about all of a user's projects.</param>
/// <param name="UserId">Null where it is about all of a project's users.</param>
public sealed record ScheduledRun(string Schedule, DateTime DueAt, string? ProjectId, string? UserId);

/// <param name="State">Completed, abandoned or cancelled.</param>
/// <param name="Result">A JSON object, of a completed one.</param>
/// <param name="Metadata">A JSON object, where an algorithm ran.</param>
public sealed record FinishedRun(TaskKey Task, ScheduledRun Run, TaskState State, string? Result, string? Metadata);

/// <summary>Whether a run is still to be produced.</summary>
public enum RunSubmission
{
    /// <summary>By the caller, now.</summary>
    Produce,

    /// <summary>Somebody may be about to.</summary>
    Pending,

    /// <summary>It was read from the topic, or there is nobody to analyse any more.</summary>
    Done,
}

/// <summary>Tasks that schedules made. One row of each, however many processes submit it.</summary>
public sealed class ScheduledRuns(NpgsqlDataSource database)
{
    /// <summary>Whoever submits produces within seconds. One that was not read for so long was left by a process that died, or waits in the topic: then it is the same record twice, and one task.</summary>
    static readonly TimeSpan ProducedWithin = TimeSpan.FromMinutes(1);

    const int FinishedMax = 50;

    /// <summary>The lock on the member's row makes an erasure wait for this statement, or this statement find that the user is gone.</summary>
    const string SubmitSql = """
        WITH member AS (
            SELECT FROM pipeline.members WHERE tenant = $1 AND ($5::text IS NULL OR project_id = $5) AND user_id = $6 LIMIT 1 FOR KEY SHARE
        ), run AS (
            INSERT INTO control.scheduled_runs (tenant, request_id, schedule, due_at, project_id, user_id)
            SELECT $1, $2, $3, $4, $5, $6 WHERE $6::text IS NULL OR EXISTS (SELECT FROM member) ON CONFLICT DO NOTHING RETURNING tenant, request_id
        )
        INSERT INTO control.tasks (tenant, request_id, digest, algorithm, priority, state, states, entered, submitted_at)
        SELECT tenant, request_id, $7, $8, $9, 1, '{1}', ARRAY[clock_timestamp()], clock_timestamp() FROM run ON CONFLICT DO NOTHING
        """;

    /// <summary>From the days that are added up, which are those that are over.</summary>
    const string SubjectsSql = """
        SELECT project_id, CASE WHEN $7 THEN user_id END FROM pipeline.activity_days
        WHERE tenant = $1 AND ($2::text IS NULL OR project_id = $2) AND day >= $3 AND day < $4 AND annotations > 0
        GROUP BY 1, 2 HAVING count(DISTINCT day) >= $5 AND count(DISTINCT user_id) >= $6
        ORDER BY 1, 2
        """;

    /// <summary>Of whom there is enough to analyse.</summary>
    /// <param name="projectId">Null for all.</param>
    /// <param name="window">Days, UTC.</param>
    /// <param name="least">Days with annotations, and users who have some, below which there is nothing to learn.</param>
    /// <param name="eachUser">Each user of each project, or each project.</param>
    public async Task<IReadOnlyList<(string ProjectId, string? UserId)>> SubjectsAsync(string tenant, string? projectId, (DateTime From, DateTime To) window, (int Days, int Users) least, bool eachUser, CancellationToken stop)
    {
        await using var command = database.CreateCommand(SubjectsSql);
        command.Parameters.AddWithValue(tenant);
        command.Parameters.Add(new NpgsqlParameter<string?> { TypedValue = projectId });
        command.Parameters.AddWithValue(window.From);
        command.Parameters.AddWithValue(window.To);
        command.Parameters.AddWithValue(least.Days);
        command.Parameters.AddWithValue(least.Users);
        command.Parameters.AddWithValue(eachUser);
        await using var reader = await command.ExecuteReaderAsync(stop);
        var subjects = new List<(string, string?)>();
        while (await reader.ReadAsync(stop))
            subjects.Add((reader.GetString(0), reader.IsDBNull(1) ? null : reader.GetString(1)));
        return subjects;
    }

    /// <summary>Before the request is produced. Repeated by as many processes as there are, as often as they like.</summary>
    public async Task<RunSubmission> SubmitAsync(NewTask task, ScheduledRun run, CancellationToken stop)
    {
        await using var command = database.CreateCommand(SubmitSql);
        command.Parameters.AddWithValue(task.Key.Tenant);
        command.Parameters.AddWithValue(task.Key.RequestId);
        command.Parameters.AddWithValue(run.Schedule);
        command.Parameters.AddWithValue(run.DueAt);
        command.Parameters.Add(new NpgsqlParameter<string?> { TypedValue = run.ProjectId });
        command.Parameters.Add(new NpgsqlParameter<string?> { TypedValue = run.UserId });
        command.Parameters.AddWithValue(task.Digest);
        command.Parameters.AddWithValue(task.Algorithm);
        command.Parameters.AddWithValue((short)task.Priority);
        if (await command.ExecuteNonQueryAsync(stop) > 0)
            return RunSubmission.Produce;
        await using var find = database.CreateCommand($"SELECT submitted_at < clock_timestamp() - $3 FROM control.tasks WHERE tenant = $1 AND request_id = $2 AND state = {TaskColumns.Number(TaskState.Submitted)}");
        find.Parameters.AddWithValue(task.Key.Tenant);
        find.Parameters.AddWithValue(task.Key.RequestId);
        find.Parameters.AddWithValue(ProducedWithin);
        return await find.ExecuteScalarAsync(stop) switch { true => RunSubmission.Produce, false => RunSubmission.Pending, _ => RunSubmission.Done };
    }

    /// <summary>
    /// Hands runs that ended, the oldest first, to who writes their points, and notes those as written. An erasure waits for it: what is written meanwhile it finds and deletes.
    /// </summary>
    /// <param name="schedules">Of these alone.</param>
    /// <param name="write">Returns why the points can never be stored, or null when they are. What it throws leaves them for later.</param>
    /// <returns>How many there were.</returns>
    public async Task<int> WriteFinishedAsync(IReadOnlyCollection<string> schedules, Func<FinishedRun, CancellationToken, Task<string?>> write, CancellationToken stop)
    {
        await using var connection = await database.OpenConnectionAsync(stop);
        await using var transaction = await connection.BeginTransactionAsync(stop);
        var runs = await FinishedAsync(connection, schedules, stop);
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

    static async Task<List<FinishedRun>> FinishedAsync(NpgsqlConnection connection, IReadOnlyCollection<string> schedules, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand($"""
            SELECT r.tenant, r.request_id, r.schedule, r.due_at, r.project_id, r.user_id, t.state, t.result::text, t.metadata::text
            FROM control.scheduled_runs r JOIN control.tasks t USING (tenant, request_id)
            WHERE r.points_at IS NULL AND t.state >= {TaskColumns.Number(TaskState.Completed)} AND r.schedule = ANY($1) ORDER BY r.due_at LIMIT {FinishedMax} FOR UPDATE SKIP LOCKED
            """, connection);
        command.Parameters.AddWithValue(schedules.ToArray());
        await using var reader = await command.ExecuteReaderAsync(stop);
        var runs = new List<FinishedRun>();
        while (await reader.ReadAsync(stop))
            runs.Add(new FinishedRun(new TaskKey(reader.GetString(0), reader.GetString(1)), new ScheduledRun(reader.GetString(2), reader.GetDateTime(3), Text(4), Text(5)), (TaskState)reader.GetInt16(6), Text(7), Text(8)));
        return runs;

        string? Text(int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
    }

    /// <summary>Forgets which tasks schedules made, where these are older than tasks are kept.</summary>
    public async Task<int> ForgetAsync(TimeSpan after, CancellationToken stop)
    {
        await using var command = database.CreateCommand("DELETE FROM control.scheduled_runs r WHERE due_at < clock_timestamp() - $1 AND NOT EXISTS (SELECT FROM control.tasks t WHERE t.tenant = r.tenant AND t.request_id = r.request_id)");
        command.Parameters.AddWithValue(after);
        return await command.ExecuteNonQueryAsync(stop);
    }
}
