using Npgsql;

namespace Pipeline.Sinks.Postgres;

/// <summary>
/// Records that ended every process that read them, as events-postgres found out. Roads whose offsets live in Kafka do not read them
/// either.
/// </summary>
public sealed class KilledRecords(NpgsqlDataSource database)
{
    /// <returns>Their offsets in this log from <paramref name="offset"/> on; none where there is no schema yet.</returns>
    public async Task<IReadOnlySet<long>> ReadAsync(LogPlace log, long offset, CancellationToken stop)
    {
        await using var command = database.CreateCommand("""
            SELECT "offset" FROM pipeline.dead_letters WHERE topic_id = $1 AND partition = $2 AND "offset" >= $3 AND reason = 'killed_processor'
            """);
        command.Parameters.AddWithValue(log.TopicId);
        command.Parameters.AddWithValue(log.Partition);
        command.Parameters.AddWithValue(offset);
        try
        {
            await using var reader = await command.ExecuteReaderAsync(stop);
            var offsets = new HashSet<long>();
            while (await reader.ReadAsync(stop))
                offsets.Add(reader.GetInt64(0));
            return offsets;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            return new HashSet<long>();
        }
    }
}
