using Npgsql;
using NpgsqlTypes;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>The statements on states of objects and tasks, which are the only rows that several logs write.</summary>
static class SubjectStatements
{
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

    /// <param name="sql">Takes the keys' hashes as an array.</param>
    public static NpgsqlCommand Command(NpgsqlConnection session, string sql, ICollection<SubjectKey> keys) => new(sql, session)
    {
        Parameters = { new() { Value = keys.Select(k => k.Hash).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid } },
    };

    public static async Task CopyAsync<TState>(SubjectTable<TState> table, NpgsqlConnection session, CopyBuffer buffer, string copy, IEnumerable<(SubjectKey Key, TState State)> states,
        CancellationToken stop) where TState : class
    {
        await buffer.StartAsync(session, copy, stop);
        foreach (var (key, state) in states)
        {
            buffer.Row(table.Columns);
            buffer.Uuid(key.Hash);
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
    /// <summary>Selects the states of these keys, their texts as the first three columns, and locks them in key order.</summary>
    public abstract string Lock { get; }
    public abstract string CopyNew { get; }
    public abstract string CopyKnown { get; }

    /// <summary>Known states from the temporary table into the table.</summary>
    public abstract string Update { get; }
    public abstract short Columns { get; }
    public abstract TState New();
    public abstract TState Read(NpgsqlDataReader reader);
    public abstract void Write(TState state, CopyBuffer buffer);

    /// <summary>Whether the event says anything about an object or a task of this kind; only then has it a key.</summary>
    public abstract bool Concerns(EventRow row);
    public abstract SubjectKey KeyOf(EventRow row);
    public abstract void Add(TState state, EventRow row);
    public abstract bool IsEmpty(TState state);

    /// <summary>Deletes the states of these keys.</summary>
    public abstract string Delete { get; }
    public abstract void Credit(TState state, SubjectKey key, ActivityBuckets buckets, int sign);

    protected static long Us(DateTime time) => (time - DateTime.UnixEpoch).Ticks / 10;

    protected static long? UsOrNull(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : Us(reader.GetDateTime(column));

    protected static string LockSql(string table, string id, string columns) =>
        $"SELECT tenant, project_id, {id}, {columns} FROM {table} WHERE key = ANY ($1) ORDER BY key FOR UPDATE";

    protected static string DeleteSql(string table) => $"DELETE FROM {table} WHERE key = ANY ($1)";

    protected static string UpdateSql(string table, string columns) =>
        $"UPDATE {table} SET ({columns}) = ({string.Join(", ", columns.Split(", ").Select(c => "b." + c))}) FROM pg_temp.batch_{table} b WHERE {table}.key = b.key";
}
