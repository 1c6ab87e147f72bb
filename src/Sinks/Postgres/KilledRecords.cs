using Npgsql;

namespace Pipeline.Sinks.Postgres;

/// <summary>
/// Records that ended every process that read them, as events-postgres found out. Roads whose offsets live in Kafka do not read them
/// either.
/// </summary>
public sealed class KilledRecords(NpgsqlDataSource database)
{
    static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);

    /// <summary>Whether an owner of this log vanished and nothing was stored since: then a record of it may be one that ends processes.</summary>
    public async Task<bool> IsSuspectedAsync(LogPlace log, CancellationToken stop)
    {
        await using var command = database.CreateCommand("""
            SELECT tries > 0 OR trying IS NOT NULL
                OR owner IS NOT NULL AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = o.backend_pid AND a.backend_start = o.backend_start)
            FROM pipeline.offsets o WHERE topic_id = $1 AND partition = $2
            """);
        command.Parameters.AddWithValue(log.TopicId);
        command.Parameters.AddWithValue(log.Partition);
        try
        {
            return await command.ExecuteScalarAsync(stop) is true;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            return false;
        }
    }

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
