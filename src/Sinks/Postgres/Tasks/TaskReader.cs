using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Pipeline.Contracts.Analysis;

namespace Pipeline.Sinks.Postgres.Tasks;

/// <summary>A task without its result, as lists show it.</summary>
/// <param name="AgeS">Seconds since it was submitted, until it ended.</param>
public sealed record ListedTask(string Tenant, string TaskId, string Algorithm, string Priority, string Status, int Attempts, DateTime SubmittedAt, DateTime? FinishedAt, double AgeS, string? ErrorCode);

/// <param name="Sequence">Grows by one with each state.</param>
public sealed record TaskTransition(int Sequence, string Status, DateTime At);

/// <summary>A task with everything that is known of it.</summary>
public sealed record StoredTask(string TaskId, string RequestId, string Status, string Algorithm, string Priority, int Attempts, DateTime SubmittedAt, DateTime? FinishedAt,
    IReadOnlyList<TaskTransition> Transitions, JsonElement? Result, TaskError? Error, JsonElement? Metadata);

/// <summary>How the tasks of one algorithm fared.</summary>
/// <param name="FailureShare">Abandoned ones among those that ended and were not cancelled; null where none has.</param>
/// <param name="P50Ms">Of the execution alone.</param>
/// <param name="AnsweredP95Ms">From submission to answer.</param>
public sealed record AlgorithmFigures(string Algorithm, long Tasks, long Unfinished, long Completed, long Abandoned, long Cancelled, double? FailureShare, double? P50Ms, double? P95Ms, double? AnsweredP50Ms, double? AnsweredP95Ms);

/// <param name="OlderThan">At least so old.</param>
public sealed record TaskFilter(TaskState State = TaskState.None, string? Algorithm = null, AnalysisPriority? Priority = null, TimeSpan? OlderThan = null);

/// <summary>Where a list of tasks goes on.</summary>
public sealed record TaskCursor(DateTime SubmittedAt, string Tenant, string RequestId);

/// <summary>Reads tasks.</summary>
public sealed class TaskReader(NpgsqlDataSource database)
{
    /// <returns>Null where there is none.</returns>
    public async Task<StoredTask?> FindAsync(TaskKey task, CancellationToken stop)
    {
        await using var command = database.CreateCommand("""
            SELECT algorithm, priority, state, attempts, submitted_at, finished_at, states, entered, result::text, error_code, error_message, error_path, metadata::text
            FROM control.tasks WHERE tenant = $1 AND request_id = $2
            """);
        command.Parameters.AddWithValue(task.Tenant);
        command.Parameters.AddWithValue(task.RequestId);
        await using var row = await command.ExecuteReaderAsync(stop);
        if (!await row.ReadAsync(stop))
            return null;
        var transitions = row.GetFieldValue<short[]>(6).Zip(row.GetFieldValue<DateTime[]>(7), (state, at) => ((TaskState)state, at)).Select((t, i) => new TaskTransition(i + 1, t.Item1.Name(), t.at));
        return new StoredTask(task.RequestId, task.RequestId, ((TaskState)row.GetInt16(2)).Name(), row.GetString(0), ((AnalysisPriority)row.GetInt16(1)).Name(), row.GetInt32(3), row.GetDateTime(4), Time(row, 5),
            [.. transitions], Json(row, 8), row.IsDBNull(9) ? null : new TaskError(row.GetString(9), row.GetString(10), row.GetString(11)), Json(row, 12));
    }

    /// <returns>Those of them that have ended, or are not there.</returns>
    public async Task<IReadOnlyList<TaskKey>> EndedAsync(IReadOnlyCollection<TaskKey> tasks, CancellationToken stop)
    {
        await using var command = database.CreateCommand("""
            SELECT g.tenant, g.request_id FROM unnest($1, $2) AS g(tenant, request_id) LEFT JOIN control.tasks t USING (tenant, request_id) WHERE t.state >= 7 OR t.state IS NULL
            """);
        command.Parameters.Add(new NpgsqlParameter<string[]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text, TypedValue = [.. tasks.Select(t => t.Tenant)] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text, TypedValue = [.. tasks.Select(t => t.RequestId)] });
        return await ReadAsync(command, row => new TaskKey(row.GetString(0), row.GetString(1)), stop);
    }

    /// <returns>The newest first, and where the list goes on; null at its end.</returns>
    public async Task<(IReadOnlyList<ListedTask> Tasks, TaskCursor? Next)> ListAsync(TaskFilter filter, int limit, TaskCursor? after, CancellationToken stop)
    {
        await using var command = database.CreateCommand();
        var where = new Conditions(command.Parameters);
        if (filter.State != TaskState.None)
            where.And($"state = {where.Bind((short)filter.State)}");
        if (filter.Algorithm is { } algorithm)
            where.And($"algorithm = {where.Bind(algorithm)}");
        if (filter.Priority is { } priority)
            where.And($"priority = {where.Bind((short)priority)}");
        if (filter.OlderThan is { } age)
            where.And($"submitted_at <= clock_timestamp() - {where.Bind(age)}");
        if (after is not null)
            where.And($"(submitted_at, tenant, request_id) < ({where.Bind(after.SubmittedAt)}, {where.Bind(after.Tenant)}, {where.Bind(after.RequestId)})");
        command.CommandText = $"""
            SELECT tenant, request_id, algorithm, priority, state, attempts, submitted_at, finished_at, extract(epoch FROM coalesce(finished_at, clock_timestamp()) - submitted_at)::float8, error_code
            FROM control.tasks{where} ORDER BY submitted_at DESC, tenant DESC, request_id DESC LIMIT {where.Bind(limit + 1)}
            """;
        var tasks = await ReadAsync(command, row => new ListedTask(row.GetString(0), row.GetString(1), row.GetString(2), ((AnalysisPriority)row.GetInt16(3)).Name(), ((TaskState)row.GetInt16(4)).Name(),
            row.GetInt32(5), row.GetDateTime(6), Time(row, 7), Math.Round(row.GetDouble(8), 3), row.IsDBNull(9) ? null : row.GetString(9)), stop);
        if (tasks.Count <= limit)
            return (tasks, null);
        tasks.RemoveAt(limit);
        return (tasks, new TaskCursor(tasks[^1].SubmittedAt, tasks[^1].Tenant, tasks[^1].TaskId));
    }

    /// <param name="within">Tasks that were submitted since then.</param>
    public async Task<IReadOnlyList<AlgorithmFigures>> FiguresAsync(TimeSpan within, CancellationToken stop)
    {
        await using var command = database.CreateCommand("""
            SELECT algorithm, count(*), count(*) FILTER (WHERE state < 7), count(*) FILTER (WHERE state = 7), count(*) FILTER (WHERE state = 8), count(*) FILTER (WHERE state = 9),
                   (count(*) FILTER (WHERE state = 8))::float8 / nullif(count(*) FILTER (WHERE state IN (7, 8)), 0),
                   percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY (metadata ->> 'duration_ms')::float8) FILTER (WHERE state = 7),
                   percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - submitted_at)::float8 * 1000) FILTER (WHERE state IN (7, 8))
            FROM control.tasks WHERE submitted_at > clock_timestamp() - $1 GROUP BY algorithm ORDER BY count(*) DESC, algorithm
            """);
        command.Parameters.AddWithValue(within);
        return await ReadAsync(command, row => new AlgorithmFigures(row.GetString(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), row.GetInt64(5),
            row.IsDBNull(6) ? null : row.GetDouble(6), Percentile(row, 7, 0), Percentile(row, 7, 1), Percentile(row, 8, 0), Percentile(row, 8, 1)), stop);
    }

    static double? Percentile(NpgsqlDataReader row, int column, int index) => row.IsDBNull(column) ? null : row.GetFieldValue<double?[]>(column)[index];

    static DateTime? Time(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetDateTime(column);

    static JsonElement? Json(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : JsonElement.Parse(row.GetString(column));

    static async Task<List<T>> ReadAsync<T>(NpgsqlCommand command, Func<NpgsqlDataReader, T> read, CancellationToken stop)
    {
        var rows = new List<T>();
        await using var reader = await command.ExecuteReaderAsync(stop);
        while (await reader.ReadAsync(stop))
            rows.Add(read(reader));
        return rows;
    }
}
