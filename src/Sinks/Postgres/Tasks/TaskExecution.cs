using Npgsql;
using NpgsqlTypes;
using Pipeline.Contracts.Analysis;

namespace Pipeline.Sinks.Postgres.Tasks;

/// <summary>What is to be done with a request that was read.</summary>
public enum Admission
{
    Execute = 1,

    /// <summary>It has ended, by an answer or by a cancellation.</summary>
    Ended = 2,

    /// <summary>Another request with this id was first.</summary>
    Conflict = 3,

    /// <summary>Another process began to execute it and did not end: it may have been its death.</summary>
    Begun = 4,

    /// <summary>It was given up because nobody had read it, before it was read.</summary>
    TooLate = 5,

    /// <summary>As <see cref="Begun"/>, by a process that tried it alone: its message is still there, and one more would cost more processes their lives.</summary>
    TriedAlone = 6,
}

/// <summary>Whether a task may be executed here now.</summary>
public enum Claim
{
    Missing = 0,
    Ours = 1,

    /// <summary>Or the row is another request's by now, because this one's, ended, was removed.</summary>
    Ended = 2,

    /// <summary>Another process executes it.</summary>
    Leased = 3,

    /// <summary>Another process executed it and has not renewed its lease.</summary>
    Vanished = 4,
}

/// <summary>The side of tasks of those who execute them. Nothing here writes an answer.</summary>
/// <param name="owner">This process.</param>
/// <param name="lease">How long an execution counts as alive without being renewed.</param>
public sealed class TaskExecution(NpgsqlDataSource database, string owner, TimeSpan lease)
{
    /// <summary>Longer than a log's offset takes to be committed, over some restarts; after that a record that is read again, as when a queue was lost, is set aside anew.</summary>
    const string AloneKnownFor = "10 minutes";

    const int LooksMost = 5;

    static readonly string AdmitSql = $"""
        WITH given AS (
            SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $9) WITH ORDINALITY AS g(tenant, request_id, digest, algorithm, priority, runs, logged_at, i)
        ), found AS (
            SELECT g.i, g.runs, t.tenant, t.request_id, t.state, t.digest = g.digest AS same, t.state = 4 AND t.owner IS DISTINCT FROM $7 AS begun,
                coalesce(t.error_code = '{TaskAnswers.NotRead}', false) AS unread, coalesce(t.tried_alone_at > clock_timestamp() - interval '{AloneKnownFor}', false) AS alone
            FROM given g JOIN control.tasks t USING (tenant, request_id) ORDER BY t.tenant, t.request_id FOR NO KEY UPDATE OF t
        ), known AS (
            UPDATE control.tasks t SET {TaskColumns.Enter("2")}, owner = NULL, lease_until = NULL
            FROM found f WHERE NOT f.runs AND t.tenant = f.tenant AND t.request_id = f.request_id AND f.same AND f.state < 7 AND NOT f.begun
                AND NOT (t.state = 4 AND t.lease_until > clock_timestamp())
        ), known_running AS (
            UPDATE control.tasks t SET {TaskColumns.Enter("2", "4")}, attempts = t.attempts + 1, owner = $7, lease_until = clock_timestamp() + $8
            FROM found f WHERE f.runs AND t.tenant = f.tenant AND t.request_id = f.request_id AND f.same AND f.state < 7 AND NOT f.begun
        ), inserted AS (
            INSERT INTO control.tasks (tenant, request_id, digest, algorithm, priority, state, states, entered, attempts, submitted_at, owner, lease_until)
            SELECT tenant, request_id, digest, algorithm, priority, CASE WHEN runs THEN 4 ELSE 2 END, CASE WHEN runs THEN ARRAY[1, 2, 4]::smallint[] ELSE ARRAY[1, 2]::smallint[] END,
                   array_fill(clock_timestamp(), ARRAY[CASE WHEN runs THEN 3 ELSE 2 END]), runs::int, least(clock_timestamp(), logged_at), CASE WHEN runs THEN $7 END, CASE WHEN runs THEN clock_timestamp() + $8 END
            FROM given g WHERE NOT EXISTS (SELECT FROM found f WHERE f.i = g.i)
            ORDER BY tenant, request_id ON CONFLICT DO NOTHING RETURNING tenant, request_id
        )
        SELECT i, CASE WHEN NOT same THEN 3 WHEN unread THEN 5 WHEN state >= 7 THEN 2 WHEN begun AND alone THEN 6 WHEN begun THEN 4 ELSE 1 END FROM found
        UNION ALL SELECT i, 1 FROM given JOIN inserted USING (tenant, request_id)
        """;

    static readonly string ClaimSql = $"""
        WITH seen AS (
            SELECT state, state = 4 AND owner IS DISTINCT FROM $3 AS others, coalesce(lease_until > clock_timestamp(), false) AS alive, digest = $6 AS same
            FROM control.tasks WHERE tenant = $1 AND request_id = $2 FOR NO KEY UPDATE
        ), claimed AS (
            UPDATE control.tasks t SET {TaskColumns.Enter("3", "4")}, attempts = t.attempts + 1, owner = $3, lease_until = clock_timestamp() + $4,
                tried_alone_at = CASE WHEN $5 THEN clock_timestamp() ELSE t.tried_alone_at END
            FROM seen WHERE t.tenant = $1 AND t.request_id = $2 AND seen.state < 7 AND seen.same AND (NOT seen.others OR (NOT seen.alive AND $5))
        )
        SELECT CASE WHEN state >= 7 OR NOT same THEN 2 WHEN NOT others THEN 1 WHEN alive THEN 3 WHEN $5 THEN 1 ELSE 4 END FROM seen
        """;

    static readonly string RetrySql = $"""
        UPDATE control.tasks t SET {TaskColumns.Enter("5", "6")}, owner = NULL, lease_until = NULL
        FROM unnest($1, $2) AS g(tenant, request_id) WHERE t.tenant = g.tenant AND t.request_id = g.request_id AND t.state = 4 AND t.owner = $3
        """;

    const string RenewSql = """
        WITH given AS (
            SELECT * FROM unnest($1, $2) AS g(tenant, request_id)
        ), renewed AS (
            UPDATE control.tasks t SET lease_until = clock_timestamp() + $4 FROM given g WHERE t.tenant = g.tenant AND t.request_id = g.request_id AND t.state = 4 AND t.owner = $3
                AND t.lease_until < clock_timestamp() + $4 * 0.7
        )
        SELECT tenant, request_id FROM control.tasks JOIN given USING (tenant, request_id) WHERE state >= 7 OR (state = 4 AND owner IS DISTINCT FROM $3)
        """;

    static readonly string ReleaseSql = $"""
        UPDATE control.tasks t SET {TaskColumns.Enter("2")}, owner = NULL, lease_until = NULL
        FROM unnest($1, $2) AS g(tenant, request_id) WHERE t.tenant = g.tenant AND t.request_id = g.request_id AND t.state = 4 AND t.owner = $3
        """;

    /// <summary>Makes the rows that are missing, and says of each request what is to be done with it. Ids are all different.</summary>
    /// <param name="tasks">Runs: whether it is executed at once; else it waits in a queue of its own.</param>
    public async Task<Admission[]> AdmitAsync(IReadOnlyList<(NewTask Task, bool Runs)> tasks, CancellationToken stop)
    {
        var admissions = new Admission[tasks.Count];
        int[] left = [.. Enumerable.Range(0, tasks.Count)];
        for (var look = 0; left.Length > 0; look++)
        {
            // A row that somebody else makes between the two looks of one statement is seen by the next one.
            if (look == LooksMost)
                throw new NpgsqlException("A task was made by somebody else at the same time, again and again.");
            await AdmitAsync(tasks, left, admissions, stop);
            left = [.. left.Where(i => admissions[i] == default)];
        }
        return admissions;
    }

    async Task AdmitAsync(IReadOnlyList<(NewTask Task, bool Runs)> tasks, int[] which, Admission[] admissions, CancellationToken stop)
    {
        var given = which.Select(i => tasks[i]).ToList();
        await using var command = database.CreateCommand(AdmitSql);
        command.Parameters.Add(Texts(given.Select(t => t.Task.Key.Tenant)));
        command.Parameters.Add(Texts(given.Select(t => t.Task.Key.RequestId)));
        command.Parameters.Add(new NpgsqlParameter<byte[][]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea, TypedValue = [.. given.Select(t => t.Task.Digest)] });
        command.Parameters.Add(Texts(given.Select(t => t.Task.Algorithm)));
        command.Parameters.Add(new NpgsqlParameter<short[]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Smallint, TypedValue = [.. given.Select(t => (short)t.Task.Priority)] });
        command.Parameters.Add(new NpgsqlParameter<bool[]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Boolean, TypedValue = [.. given.Select(t => t.Runs)] });
        command.Parameters.AddWithValue(owner);
        command.Parameters.AddWithValue(lease);
        command.Parameters.Add(new NpgsqlParameter<DateTime?[]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz, TypedValue = [.. given.Select(t => t.Task.LoggedAt?.UtcDateTime)] });
        await using var reader = await command.ExecuteReaderAsync(stop);
        while (await reader.ReadAsync(stop))
            admissions[which[reader.GetInt64(0) - 1]] = (Admission)reader.GetInt32(1);
    }

    /// <summary>Becomes the one who executes it.</summary>
    /// <param name="takeOver">Whether it is tried alone, so that a process that vanished while executing it is succeeded.</param>
    public async Task<Claim> ClaimAsync(NewTask task, bool takeOver, CancellationToken stop)
    {
        await using var command = database.CreateCommand(ClaimSql);
        command.Parameters.AddWithValue(task.Key.Tenant);
        command.Parameters.AddWithValue(task.Key.RequestId);
        command.Parameters.AddWithValue(owner);
        command.Parameters.AddWithValue(lease);
        command.Parameters.AddWithValue(takeOver);
        command.Parameters.AddWithValue(task.Digest);
        return (Claim)(await command.ExecuteScalarAsync(stop) as int? ?? 0);
    }

    /// <summary>Gives up what this process began and did not end: nobody died of it.</summary>
    public Task ReleaseAsync(IReadOnlyCollection<TaskKey> tasks, CancellationToken stop) => MoveAsync(ReleaseSql, tasks, stop);

    /// <summary>Notes that attempts of this process failed and are followed by others.</summary>
    public Task RetryAsync(IReadOnlyCollection<TaskKey> tasks, CancellationToken stop) => MoveAsync(RetrySql, tasks, stop);

    /// <summary>Those of them that this process executes.</summary>
    async Task MoveAsync(string sql, IReadOnlyCollection<TaskKey> tasks, CancellationToken stop)
    {
        if (tasks.Count == 0)
            return;
        await using var command = database.CreateCommand(sql);
        AddKeys(command, tasks);
        command.Parameters.AddWithValue(owner);
        await command.ExecuteNonQueryAsync(stop);
    }

    /// <summary>Keeps the leases of what is being executed.</summary>
    /// <returns>Those that have ended meanwhile, as by being cancelled, or are another process's now.</returns>
    public async Task<IReadOnlyList<TaskKey>> RenewAsync(IReadOnlyCollection<TaskKey> tasks, CancellationToken stop)
    {
        await using var command = database.CreateCommand(RenewSql);
        AddKeys(command, tasks);
        command.Parameters.AddWithValue(owner);
        command.Parameters.AddWithValue(lease);
        var cancelled = new List<TaskKey>();
        await using var reader = await command.ExecuteReaderAsync(stop);
        while (await reader.ReadAsync(stop))
            cancelled.Add(new TaskKey(reader.GetString(0), reader.GetString(1)));
        return cancelled;
    }

    /// <summary>In one order for all, so that two statements do not wait for each other.</summary>
    static void AddKeys(NpgsqlCommand command, IReadOnlyCollection<TaskKey> given)
    {
        var tasks = given.OrderBy(t => t.Tenant, StringComparer.Ordinal).ThenBy(t => t.RequestId, StringComparer.Ordinal).ToList();
        command.Parameters.Add(Texts(tasks.Select(t => t.Tenant)));
        command.Parameters.Add(Texts(tasks.Select(t => t.RequestId)));
    }

    static NpgsqlParameter Texts(IEnumerable<string> texts) => new NpgsqlParameter<string[]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text, TypedValue = [.. texts] };
}
