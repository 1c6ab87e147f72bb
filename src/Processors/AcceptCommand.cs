using Npgsql;

namespace Pipeline.Processors;

/// <summary>
/// <c>--accept new_log|loss TOPIC [PARTITION]</c>: an operator's word for partitions of events-postgres that stopped because their log is
/// another one or has lost records. The running processors go on within seconds.
/// </summary>
static class AcceptCommand
{
    const string Sql = """
        INSERT INTO control.acceptances (consumer, topic, partition, kind)
        SELECT DISTINCT consumer, topic, partition, $3 FROM pipeline.offsets
        WHERE consumer = $1 AND topic = $2 AND closed_at IS NULL AND ($4::int IS NULL OR partition = $4)
        ON CONFLICT DO NOTHING
        """;

    public static async Task<int> RunAsync(NpgsqlDataSource database, string[] arguments)
    {
        if (arguments is not [("new_log" or "loss") and var kind, var topic, .. var rest] || rest.Length > 1
            || (rest.Length == 1 && !int.TryParse(rest[0], out _)))
        {
            Console.Error.WriteLine("usage: --accept new_log|loss TOPIC [PARTITION]");
            return 2;
        }
        object partition = rest.Length == 1 ? int.Parse(rest[0], System.Globalization.CultureInfo.InvariantCulture) : DBNull.Value;
        await using var command = database.CreateCommand(Sql);
        command.Parameters.AddWithValue(Roles.EventsPostgres);
        command.Parameters.AddWithValue(topic);
        command.Parameters.AddWithValue(kind);
        command.Parameters.Add(new NpgsqlParameter { Value = partition, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Integer });
        var accepted = await command.ExecuteNonQueryAsync();
        Console.WriteLine($"{kind} accepted for {accepted} partitions of {topic}");
        return accepted > 0 ? 0 : 1;
    }
}
