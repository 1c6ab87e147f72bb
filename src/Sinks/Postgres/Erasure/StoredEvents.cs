using System.Text;
using Npgsql;
using NpgsqlTypes;
using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Sinks.Postgres.Erasure;

/// <summary>An event as table <c>events</c> holds it.</summary>
sealed record StoredEvent(int LogId, EventRow Row)
{
    /// <summary>The object or the task that it says something about; null for none.</summary>
    public (bool IsTask, SubjectKey Key)? Subject =>
        ObjectState.Concerns(Row) ? (false, new SubjectKey(Row.Tenant, Row.ProjectId, Row.ObjectId!))
        : TaskState.Concerns(Row) ? (true, new SubjectKey(Row.Tenant, Row.ProjectId, Row.TaskId!)) : null;
}

/// <summary>Reads rows of one revision's events again, as the road read them when they came. The session's search_path is the revision.</summary>
static class StoredEvents
{
    const string Columns = "e.log_id, e.\"offset\", e.event_id, e.occurred_at, e.received_at, e.logged_at, e.tenant, e.tool, e.value";

    /// <summary>All events of the user. Table events has no index by user: writing every event would pay for it, and erasures are rare.</summary>
    public static NpgsqlCommand OfUser(NpgsqlConnection session, ErasureRequest request) =>
        Command(session, $"SELECT {Columns} FROM events e WHERE e.tenant = $1 AND e.user_id = $2", (request.Tenant, NpgsqlDbType.Text), (request.UserId, NpgsqlDbType.Text));

    /// <summary>Everybody's annotation and task events of these projects.</summary>
    public static NpgsqlCommand OfProjects(NpgsqlConnection session, string tenant, string[] projects) =>
        Command(session, $"SELECT {Columns} FROM events e WHERE e.tenant = $1 AND e.project_id = ANY ($2) AND e.event_type IN (1, 2)",
            (tenant, NpgsqlDbType.Text), (projects, NpgsqlDbType.Array | NpgsqlDbType.Text));

    /// <summary>What each log got from these offsets on: of the user, or about work in these projects.</summary>
    public static NpgsqlCommand Since(NpgsqlConnection session, ErasureRequest request, IReadOnlyDictionary<int, long> heads, string[] projects) =>
        Command(session, $"""
            SELECT {Columns} FROM unnest($1::int[], $2::bigint[]) AS h (log_id, head) JOIN events e ON e.log_id = h.log_id AND e."offset" >= h.head
            WHERE e.tenant = $3 AND (e.user_id = $4 OR e.project_id = ANY ($5) AND e.event_type IN (1, 2))
            """, (heads.Keys.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Integer), (heads.Values.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Bigint),
            (request.Tenant, NpgsqlDbType.Text), (request.UserId, NpgsqlDbType.Text), (projects, NpgsqlDbType.Array | NpgsqlDbType.Text));

    public static async IAsyncEnumerable<StoredEvent> ReadAsync(NpgsqlCommand command, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop)
    {
        await using var _ = command;
        await using var reader = await command.ExecuteReaderAsync(stop);
        while (await reader.ReadAsync(stop))
            yield return Read(reader);
    }

    static StoredEvent Read(NpgsqlDataReader reader)
    {
        var value = reader.GetFieldValue<byte[]>(8);
        ParsedEvent parsed = default;
        var fault = EventParser.Parse(value, ref parsed);
        if (fault.Exists)
            throw new InvalidOperationException($"the stored event at offset {reader.GetInt64(1)} of log {reader.GetInt32(0)} is {fault.Code} to this version");
        var row = EventReading.Row(parsed, value, new EventOccasion(reader.GetInt64(1), reader.GetGuid(2), Us(reader.GetDateTime(3)), Us(reader.GetDateTime(4)),
            Us(reader.GetDateTime(5)), reader.GetString(6), reader.IsDBNull(7) ? null : reader.GetString(7), null), Encoding.UTF8.GetString);
        // Many are held at a time, and nobody asks for their bytes.
        row.Value = [];
        return new StoredEvent(reader.GetInt32(0), row);
    }

    internal static NpgsqlCommand Command(NpgsqlConnection session, string sql, params ReadOnlySpan<(object Value, NpgsqlDbType Type)> values)
    {
        var command = new NpgsqlCommand(sql, session);
        foreach (var (value, type) in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value, NpgsqlDbType = type });
        return command;
    }

    static long Us(DateTime time) => (time - DateTime.UnixEpoch).Ticks / 10;
}
