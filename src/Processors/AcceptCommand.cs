using Npgsql;
using Pipeline.Processors.Consuming;

namespace Pipeline.Processors;

/// <summary>
/// <c>--accept new_log|loss TOPIC [PARTITION]</c>: an operator's word for partitions of events-postgres that stopped because their log is
/// another one or has lost records. The running processors go on within seconds.
/// </summary>
static class AcceptCommand
{
    const string Open = """
        SELECT partition, topic_id, next_offset FROM pipeline.offsets
        WHERE consumer = $1 AND topic = $2 AND closed_at IS NULL AND ($3::int IS NULL OR partition = $3) ORDER BY partition
        """;

    const string Accept = """
        INSERT INTO control.acceptances (consumer, topic, partition, kind) SELECT $1, $2, partition, $3 FROM unnest($4::int[]) AS partition
        ON CONFLICT DO NOTHING
        """;

    public static async Task<int> RunAsync(NpgsqlDataSource database, ITopicLogs logs, string[] arguments)
    {
        if (arguments is not [("new_log" or "loss") and var kind, var topic, .. var rest] || rest.Length > 1
            || (rest.Length == 1 && !int.TryParse(rest[0], out _)))
        {
            Console.Error.WriteLine("usage: --accept new_log|loss TOPIC [PARTITION]");
            return 2;
        }
        object partition = rest.Length == 1 ? int.Parse(rest[0], System.Globalization.CultureInfo.InvariantCulture) : DBNull.Value;
        // Only what is so now: a word given for a healthy partition would stand until its log really changes or loses records.
        var affected = new List<int>();
        foreach (var stored in await OpenLogsAsync(database, topic, partition))
            if (await IsAffectedAsync(logs, kind, topic, stored))
                affected.Add(stored.Partition);
        await using var command = database.CreateCommand(Accept);
        command.Parameters.AddWithValue(Roles.EventsPostgres);
        command.Parameters.AddWithValue(topic);
        command.Parameters.AddWithValue(kind);
        command.Parameters.AddWithValue(affected.ToArray());
        await command.ExecuteNonQueryAsync();
        Console.WriteLine(affected.Count > 0 ? $"{kind} accepted for {affected.Count} partitions of {topic}: {string.Join(", ", affected)}"
            : $"no partition of {topic} waits for {kind}");
        return affected.Count > 0 ? 0 : 1;
    }

    static async Task<List<StoredLog>> OpenLogsAsync(NpgsqlDataSource database, string topic, object partition)
    {
        await using var command = database.CreateCommand(Open);
        command.Parameters.AddWithValue(Roles.EventsPostgres);
        command.Parameters.AddWithValue(topic);
        command.Parameters.Add(new NpgsqlParameter { Value = partition, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Integer });
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<StoredLog>();
        while (await reader.ReadAsync())
            rows.Add(new StoredLog(reader.GetInt32(0), reader.GetString(1), reader.GetInt64(2)));
        return rows;
    }

    static async Task<bool> IsAffectedAsync(ITopicLogs logs, string kind, string topic, StoredLog stored)
    {
        var isNewLog = await logs.ReadIdAsync(topic) != stored.TopicId;
        return kind == "new_log" ? isNewLog : !isNewLog && (await logs.ReadExtentAsync(new Confluent.Kafka.TopicPartition(topic, stored.Partition))).Start > stored.NextOffset;
    }

    sealed record StoredLog(int Partition, string TopicId, long NextOffset);
}
