using Npgsql;

namespace Pipeline.Sinks.Postgres.Tasks;

/// <param name="Bytes">Of the results, with about what a row needs besides.</param>
public sealed record CachedFigures(long Entries, long Bytes);

/// <summary>Results of analyses that any engine made, for all of them. Bounded by age and by bytes: the least recently used go first.</summary>
public sealed class CachedResults(NpgsqlDataSource database)
{
    /// <summary>Which ones are used is noted to the minute: a hit is a read, and not a write each time.</summary>
    const string FindSql = """
        WITH used AS (UPDATE control.cached_results SET used_at = now() WHERE key = $1 AND used_at < now() - interval '1 minute')
        SELECT result FROM control.cached_results WHERE key = $1 AND made_at > now() - $2
        """;

    const string TrimSql = """
        DELETE FROM control.cached_results c USING (SELECT key, made_at, sum(octet_length(result) + 200) OVER (ORDER BY used_at DESC, key) AS kept FROM control.cached_results) r
        WHERE c.key = r.key AND (r.made_at <= now() - $1 OR r.kept > $2)
        """;

    /// <param name="within">An older one counts as none.</param>
    public async Task<byte[]?> FindAsync(byte[] key, TimeSpan within, CancellationToken stop)
    {
        await using var command = database.CreateCommand(FindSql);
        command.Parameters.AddWithValue(key);
        command.Parameters.AddWithValue(within);
        return await command.ExecuteScalarAsync(stop) as byte[];
    }

    public async Task AddAsync(byte[] key, string algorithm, ReadOnlyMemory<byte> result, CancellationToken stop)
    {
        await using var command = database.CreateCommand("""
            INSERT INTO control.cached_results (key, algorithm, result, made_at, used_at) VALUES ($1, $2, $3, now(), now())
            ON CONFLICT (key) DO UPDATE SET result = excluded.result, made_at = now(), used_at = now()
            """);
        command.Parameters.AddWithValue(key);
        command.Parameters.AddWithValue(algorithm);
        command.Parameters.AddWithValue(result);
        await command.ExecuteNonQueryAsync(stop);
    }

    /// <returns>How many went.</returns>
    public async Task<int> TrimAsync(TimeSpan within, long bytesMax, CancellationToken stop)
    {
        await using var command = database.CreateCommand(TrimSql);
        command.Parameters.AddWithValue(within);
        command.Parameters.AddWithValue((decimal)bytesMax);
        return await command.ExecuteNonQueryAsync(stop);
    }

    /// <param name="algorithm">Its results alone; null for all there are.</param>
    /// <returns>How many went.</returns>
    public async Task<int> PurgeAsync(string? algorithm, CancellationToken stop)
    {
        await using var command = database.CreateCommand($"DELETE FROM control.cached_results{(algorithm is null ? "" : " WHERE algorithm = $1")}");
        if (algorithm is not null)
            command.Parameters.AddWithValue(algorithm);
        return await command.ExecuteNonQueryAsync(stop);
    }

    public async Task<CachedFigures> FiguresAsync(CancellationToken stop)
    {
        await using var command = database.CreateCommand("SELECT count(*), coalesce(sum(octet_length(result) + 200), 0)::bigint FROM control.cached_results");
        await using var reader = await command.ExecuteReaderAsync(stop);
        await reader.ReadAsync(stop);
        return new CachedFigures(reader.GetInt64(0), reader.GetInt64(1));
    }
}
