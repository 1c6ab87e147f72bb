using Npgsql;
using NpgsqlTypes;
using Pipeline.Contracts.Analysis;

namespace Pipeline.Sinks.Postgres.Tasks;

/// <param name="ProjectId">Null where it is about all of a user's projects.</param>
/// <param name="UserId">Null where it is about all of a project's users.</param>
public sealed record ScheduledRun(string Schedule, DateTime DueAt, string? ProjectId, string? UserId);

/// <summary>Of whom analyses are done, and what has to be there of them.</summary>
/// <param name="ProjectId">Null for all.</param>
/// <param name="LeastDays">Days with annotations.</param>
/// <param name="LeastUsers">Users who have some.</param>
/// <param name="EachUser">Each user of each project, or each project.</param>
public sealed record ScheduledSubjects(string Tenant, string? ProjectId, int LeastDays, int LeastUsers, bool EachUser);

/// <summary>Tasks that schedules made. One row of each, however many processes submit it.</summary>
public sealed class ScheduledRuns(NpgsqlDataSource database)
{
    /// <summary>Whoever submits a run produces it within seconds, or has died.</summary>
    static readonly TimeSpan ProducedWithin = TimeSpan.FromMinutes(1);

    const int Step = 500;

    /// <summary>The locks on the members' rows make an erasure wait for this statement, or this statement find that the user is gone.</summary>
    const string SubmitSql = """
        WITH given AS (
            SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) AS g(tenant, request_id, digest, algorithm, priority, schedule, due_at, project_id, user_id)
        ), member AS (
            SELECT m.tenant, m.project_id, m.user_id FROM given g JOIN pipeline.members m ON m.tenant = g.tenant AND m.user_id = g.user_id AND (g.project_id IS NULL OR m.project_id = g.project_id) FOR KEY SHARE OF m
        ), run AS (
            INSERT INTO control.scheduled_runs (tenant, request_id, digest, schedule, due_at, project_id, user_id)
            SELECT tenant, request_id, digest, schedule, due_at, project_id, user_id FROM given g
            WHERE user_id IS NULL OR EXISTS (SELECT FROM member m WHERE m.tenant = g.tenant AND m.user_id = g.user_id AND (g.project_id IS NULL OR m.project_id = g.project_id))
                AND NOT EXISTS (SELECT FROM control.erasures e WHERE e.finished_at IS NULL AND e.tenant = g.tenant AND e.user_id = g.user_id)
            ORDER BY tenant, request_id ON CONFLICT DO NOTHING RETURNING tenant, request_id
        ), task AS (
            INSERT INTO control.tasks (tenant, request_id, digest, algorithm, priority, state, states, entered, submitted_at)
            SELECT tenant, request_id, digest, algorithm, priority, 1, '{1}', ARRAY[clock_timestamp()], clock_timestamp() FROM run JOIN given USING (tenant, request_id) ORDER BY tenant, request_id ON CONFLICT DO NOTHING
        )
        SELECT tenant, request_id FROM run
        """;

    /// <summary>Days that are added up, and what came later.</summary>
    const string SubjectsSql = """
        WITH worked AS (
            SELECT project_id, user_id, day FROM pipeline.activity_days
            WHERE tenant = $1 AND ($2::text IS NULL OR project_id = $2) AND day >= date_trunc('day', $3::timestamptz, 'UTC') AND day < $4 AND annotations > 0
            UNION
            SELECT project_id, user_id, date_trunc('day', bucket, 'UTC') FROM pipeline.activity
            WHERE tenant = $1 AND ($2::text IS NULL OR project_id = $2) AND bucket >= greatest($3::timestamptz, (SELECT added_up_before FROM pipeline.days_state)) AND bucket < $4 AND event_type = 1
        )
        SELECT project_id, CASE WHEN $7 THEN user_id END FROM worked GROUP BY 1, 2 HAVING count(DISTINCT day) >= $5 AND count(DISTINCT user_id) >= $6 ORDER BY 1, 2
        """;

    static readonly string UnproducedSql = $"""
        UPDATE control.scheduled_runs SET claimed_at = clock_timestamp() WHERE (tenant, request_id) IN (
            SELECT r.tenant, r.request_id FROM control.scheduled_runs r JOIN control.tasks t USING (tenant, request_id, digest)
            WHERE r.produced_at IS NULL AND r.claimed_at < clock_timestamp() - $2 AND r.schedule = ANY($1) AND t.state = {TaskColumns.Number(TaskState.Submitted)} LIMIT {Step} FOR UPDATE OF r SKIP LOCKED)
        RETURNING tenant, request_id, schedule, due_at, project_id, user_id, digest
        """;

    static readonly string ForgetSql = $"""
        DELETE FROM control.scheduled_runs WHERE (tenant, request_id) IN (
            SELECT tenant, request_id FROM control.scheduled_runs r WHERE due_at < clock_timestamp() - $1
                AND NOT EXISTS (SELECT FROM control.tasks t WHERE t.tenant = r.tenant AND t.request_id = r.request_id) LIMIT {Step} FOR UPDATE SKIP LOCKED)
        """;

    public async Task<DateTime> NowAsync(CancellationToken stop)
    {
        await using var command = database.CreateCommand("SELECT clock_timestamp()");
        return (DateTime)(await command.ExecuteScalarAsync(stop))!;
    }

    /// <summary>Of whom there is enough in a window to analyse.</summary>
    public async Task<IReadOnlyList<(string ProjectId, string? UserId)>> SubjectsAsync(ScheduledSubjects subjects, DateTime from, DateTime to, CancellationToken stop)
    {
        await using var command = database.CreateCommand(SubjectsSql);
        command.Parameters.AddWithValue(subjects.Tenant);
        command.Parameters.Add(new NpgsqlParameter<string?> { TypedValue = subjects.ProjectId });
        command.Parameters.AddWithValue(from);
        command.Parameters.AddWithValue(to);
        command.Parameters.AddWithValue(subjects.LeastDays);
        command.Parameters.AddWithValue(subjects.LeastUsers);
        command.Parameters.AddWithValue(subjects.EachUser);
        await using var reader = await command.ExecuteReaderAsync(stop);
        var found = new List<(string, string?)>();
        while (await reader.ReadAsync(stop))
            found.Add((reader.GetString(0), reader.IsDBNull(1) ? null : reader.GetString(1)));
        return found;
    }

    /// <summary>Before the requests are produced. Repeated by as many processes as there are, as often as they like.</summary>
    /// <returns>Those that the caller is to produce: they were not there, and their users are.</returns>
    public async Task<IReadOnlySet<TaskKey>> SubmitAsync(IReadOnlyCollection<(NewTask Task, ScheduledRun Run)> runs, CancellationToken stop)
    {
        await using var command = database.CreateCommand(SubmitSql);
        command.Parameters.Add(Array(NpgsqlDbType.Text, runs.Select(r => r.Task.Key.Tenant)));
        command.Parameters.Add(Array(NpgsqlDbType.Text, runs.Select(r => r.Task.Key.RequestId)));
        command.Parameters.Add(Array(NpgsqlDbType.Bytea, runs.Select(r => r.Task.Digest)));
        command.Parameters.Add(Array(NpgsqlDbType.Text, runs.Select(r => r.Task.Algorithm)));
        command.Parameters.Add(Array(NpgsqlDbType.Smallint, runs.Select(r => (short)r.Task.Priority)));
        command.Parameters.Add(Array(NpgsqlDbType.Text, runs.Select(r => r.Run.Schedule)));
        command.Parameters.Add(Array(NpgsqlDbType.TimestampTz, runs.Select(r => r.Run.DueAt)));
        command.Parameters.Add(Array(NpgsqlDbType.Text, runs.Select(r => r.Run.ProjectId)));
        command.Parameters.Add(Array(NpgsqlDbType.Text, runs.Select(r => r.Run.UserId)));
        await using var reader = await command.ExecuteReaderAsync(stop);
        var made = new HashSet<TaskKey>();
        while (await reader.ReadAsync(stop))
            made.Add(new TaskKey(reader.GetString(0), reader.GetString(1)));
        return made;
    }

    /// <summary>Takes over what was submitted a while ago and is not known to be in the topic, a few hundred at a time: its process died, or the broker was away.</summary>
    /// <param name="schedules">Of these alone.</param>
    public async Task<IReadOnlyList<(TaskKey Task, ScheduledRun Run, byte[] Digest)>> TakeUnproducedAsync(IReadOnlyCollection<string> schedules, CancellationToken stop)
    {
        await using var command = database.CreateCommand(UnproducedSql);
        command.Parameters.AddWithValue(schedules.ToArray());
        command.Parameters.AddWithValue(ProducedWithin);
        await using var reader = await command.ExecuteReaderAsync(stop);
        var runs = new List<(TaskKey, ScheduledRun, byte[])>();
        while (await reader.ReadAsync(stop))
            runs.Add((new TaskKey(reader.GetString(0), reader.GetString(1)),
                new ScheduledRun(reader.GetString(2), reader.GetDateTime(3), reader.IsDBNull(4) ? null : reader.GetString(4), reader.IsDBNull(5) ? null : reader.GetString(5)), reader.GetFieldValue<byte[]>(6)));
        return runs;
    }

    /// <summary>The broker has them.</summary>
    public async Task NoteProducedAsync(IReadOnlyCollection<TaskKey> tasks, CancellationToken stop)
    {
        await using var command = database.CreateCommand("UPDATE control.scheduled_runs r SET produced_at = clock_timestamp() FROM unnest($1, $2) AS g(tenant, request_id) WHERE r.tenant = g.tenant AND r.request_id = g.request_id");
        command.Parameters.Add(Array(NpgsqlDbType.Text, tasks.Select(t => t.Tenant)));
        command.Parameters.Add(Array(NpgsqlDbType.Text, tasks.Select(t => t.RequestId)));
        await command.ExecuteNonQueryAsync(stop);
    }

    /// <summary>Forgets which tasks schedules made, where the tasks are gone and the runs were due so long ago.</summary>
    /// <returns>How many, a few hundred at a time.</returns>
    public async Task<int> ForgetAsync(TimeSpan after, CancellationToken stop)
    {
        await using var command = database.CreateCommand(ForgetSql);
        command.Parameters.AddWithValue(after);
        return await command.ExecuteNonQueryAsync(stop);
    }

    static NpgsqlParameter Array<T>(NpgsqlDbType type, IEnumerable<T> values) => new NpgsqlParameter<T[]> { NpgsqlDbType = NpgsqlDbType.Array | type, TypedValue = [.. values] };
}
