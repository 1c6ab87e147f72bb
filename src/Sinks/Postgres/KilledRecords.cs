using Npgsql;

namespace Pipeline.Sinks.Postgres;

/// <summary>
/// Records that ended every process that read them, as events-postgres found out. Roads whose offsets live in Kafka do not read them
/// either.
/// </summary>
public sealed class KilledRecords(NpgsqlDataSource database)
{
    static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);

    /// <summary>Waits until events-postgres has passed every offset before <paramref name="end"/>, or has not gone on for <paramref name="patience"/>.</summary>
    public async Task PassedAsync(LogPlace log, long end, TimeSpan patience, TimeProvider clock, CancellationToken stop)
    {
        var (seen, seenAt) = (-1L, clock.GetTimestamp());
        while (clock.GetElapsedTime(seenAt) < patience && await NextOffsetAsync(log, stop) is var next && next < end)
        {
            if (next != seen)
                (seen, seenAt) = (next, clock.GetTimestamp());
            await Task.Delay(Look, clock, stop);
        }
    }

    /// <returns>How far events-postgres came in this log; less than any offset where it has not begun.</returns>
    async Task<long> NextOffsetAsync(LogPlace log, CancellationToken stop)
    {
        await using var command = database.CreateCommand("SELECT next_offset FROM pipeline.offsets WHERE topic_id = $1 AND partition = $2");
        command.Parameters.AddWithValue(log.TopicId);
        command.Parameters.AddWithValue(log.Partition);
        try
        {
            return await command.ExecuteScalarAsync(stop) as long? ?? -1;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            return -1;
        }
    }

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
