using Npgsql;
using NpgsqlTypes;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>
/// Brings the states of a batch's objects and tasks up to date: their rows are locked in key order, changed here, and written back; what that changes in the
/// counts goes into the batch's activity. These are the only rows that several logs write.
/// </summary>
static class SubjectStatements
{
    /// <summary>Objects, then tasks; each in key order. Another log that meets the same ones waits here, holding nothing that this one could wait for.</summary>
    /// <returns>The statements that are left to run: temporary tables into states.</returns>
    /// <exception cref="FencedException">Another log entered one of them at this moment; the batch is tried again and then finds it.</exception>
    public static async Task<List<string>> ApplyAsync(NpgsqlConnection session, CopyBuffer buffer, List<EventRow> rows, ActivityBuckets buckets, CancellationToken stop)
    {
        var left = new List<string>();
        var objects = Group(rows.Where(ObjectState.Concerns), r => new SubjectKey(r.Tenant, r.ProjectId, r.ObjectId!));
        var tasks = Group(rows.Where(TaskState.Concerns), r => new SubjectKey(r.Tenant, r.ProjectId, r.TaskId!));
        try
        {
            if (objects.Count > 0 && await ApplyAsync(ObjectTable.Instance, session, buffer, objects, buckets, stop))
                left.Add(ObjectTable.Update);
            if (tasks.Count > 0 && await ApplyAsync(TaskTable.Instance, session, buffer, tasks, buckets, stop))
                left.Add(TaskTable.Update);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            throw new FencedException("another log entered the same object or task at this moment; the batch is tried again", e);
        }
        return left;
    }

    /// <summary>In key order.</summary>
    static List<KeyValuePair<SubjectKey, List<EventRow>>> Group(IEnumerable<EventRow> rows, Func<EventRow, SubjectKey> keyOf)
    {
        var groups = new Dictionary<SubjectKey, List<EventRow>>();
        foreach (var row in rows)
        {
            var key = keyOf(row);
            if (!groups.TryGetValue(key, out var list))
                groups.Add(key, list = new List<EventRow>(1));
            list.Add(row);
        }
        var ordered = groups.ToList();
        ordered.Sort((a, b) => a.Key.CompareTo(b.Key));
        return ordered;
    }

    /// <returns>Whether states that were known are waiting in the temporary table.</returns>
    static async Task<bool> ApplyAsync<TState>(SubjectTable<TState> table, NpgsqlConnection session, CopyBuffer buffer, List<KeyValuePair<SubjectKey, List<EventRow>>> subjects,
        ActivityBuckets buckets, CancellationToken stop) where TState : class
    {
        var known = await ReadAsync(table, session, [.. subjects.Select(s => s.Key)], stop);
        var states = new List<(SubjectKey Key, TState State)>(subjects.Count);
        foreach (var (key, rows) in subjects)
        {
            var state = known.GetValueOrDefault(key);
            if (state is not null)
                table.Credit(state, key, buckets, -1);
            state ??= table.New();
            foreach (var row in rows)
                table.Add(state, row);
            table.Credit(state, key, buckets, 1);
            states.Add((key, state));
        }
        if (known.Count < states.Count)
            await CopyAsync(table, session, buffer, table.CopyNew, states.Where(s => !known.ContainsKey(s.Key)), stop);
        if (known.Count > 0)
            await CopyAsync(table, session, buffer, table.CopyKnown, states.Where(s => known.ContainsKey(s.Key)), stop);
        return known.Count > 0;
    }

    /// <summary>The states that are known of these, locked in key order.</summary>
    public static async Task<Dictionary<SubjectKey, TState>> ReadAsync<TState>(SubjectTable<TState> table, NpgsqlConnection session, ICollection<SubjectKey> keys, CancellationToken stop) where TState : class
    {
        await using var command = Command(session, table.Lock, keys);
        await using var reader = await command.ExecuteReaderAsync(stop);
        var known = new Dictionary<SubjectKey, TState>();
        while (await reader.ReadAsync(stop))
            known.Add(new SubjectKey(reader.GetString(0), reader.GetString(1), reader.GetString(2)), table.Read(reader));
        return known;
    }

    /// <param name="sql">Takes tenants, projects and ids as arrays.</param>
    public static NpgsqlCommand Command(NpgsqlConnection session, string sql, ICollection<SubjectKey> keys) => new(sql, session)
    {
        Parameters =
        {
            new() { Value = keys.Select(k => k.Tenant).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
            new() { Value = keys.Select(k => k.ProjectId).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
            new() { Value = keys.Select(k => k.Id).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
        },
    };

    public static async Task CopyAsync<TState>(SubjectTable<TState> table, NpgsqlConnection session, CopyBuffer buffer, string copy, IEnumerable<(SubjectKey Key, TState State)> states,
        CancellationToken stop) where TState : class
    {
        await buffer.StartAsync(session, copy, stop);
        foreach (var (key, state) in states)
        {
            buffer.Row(table.Columns);
            buffer.Text(key.Tenant);
            buffer.Text(key.ProjectId);
            buffer.Text(key.Id);
            table.Write(state, buffer);
            await buffer.EndRowAsync(stop);
        }
        await buffer.CompleteAsync(stop);
    }
}

/// <summary>How one kind of state is read, changed and written.</summary>
abstract class SubjectTable<TState> where TState : class
{
    /// <summary>Selects the states of these keys, their first three columns, and locks them in key order.</summary>
    public abstract string Lock { get; }
    public abstract string CopyNew { get; }
    public abstract string CopyKnown { get; }
    public abstract short Columns { get; }
    public abstract TState New();
    public abstract TState Read(NpgsqlDataReader reader);
    public abstract void Write(TState state, CopyBuffer buffer);
    public abstract void Add(TState state, EventRow row);
    public abstract bool IsEmpty(TState state);

    /// <summary>Deletes the states of keys given as three arrays.</summary>
    public abstract string Delete { get; }
    public abstract void Credit(TState state, SubjectKey key, ActivityBuckets buckets, int sign);

    protected static long Us(DateTime time) => (time - DateTime.UnixEpoch).Ticks / 10;

    protected static long? UsOrNull(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : Us(reader.GetDateTime(column));

    /// <summary>A state's columns and keys as text arrays joined to the table.</summary>
    protected static string LockSql(string table, string id, string columns) => $"""
        SELECT tenant, project_id, {id}, {columns} FROM {table}
        WHERE (tenant, project_id, {id}) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS k (tenant, project_id, {id}))
        ORDER BY tenant, project_id, {id} FOR UPDATE OF {table}
        """;

    protected static string DeleteSql(string table, string id) =>
        $"DELETE FROM {table} WHERE (tenant, project_id, {id}) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS k (tenant, project_id, {id}))";

    protected static string UpdateSql(string table, string id, string columns) => $"""
        UPDATE {table} SET ({columns}) = ({string.Join(", ", columns.Split(", ").Select(c => "b." + c))}) FROM pg_temp.batch_{table} b
        WHERE {table}.tenant = b.tenant AND {table}.project_id = b.project_id AND {table}.{id} = b.{id}
        """;
}
