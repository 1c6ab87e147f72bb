using Npgsql;

namespace Pipeline.Sinks.Postgres;

/// <summary>Notes tenants that flood the dead letters, for every host to read.</summary>
public sealed class FloodWriter(NpgsqlDataSource database)
{
    /// <summary>Of several processes that tell of one tenant, the one counts that sees the flood longest.</summary>
    public async Task WriteAsync(string tenant, long deadLetters, long records, DateTimeOffset until, CancellationToken stop)
    {
        await using var command = database.CreateCommand("""
            INSERT INTO control.floods (tenant, dead_letters, records, until) VALUES ($1, $2, $3, $4)
            ON CONFLICT (tenant) DO UPDATE SET dead_letters = excluded.dead_letters, records = excluded.records, until = excluded.until,
                noted_at = CASE WHEN floods.until < now() THEN now() ELSE floods.noted_at END
            WHERE excluded.until > floods.until
            """);
        command.Parameters.AddWithValue(tenant);
        command.Parameters.AddWithValue(deadLetters);
        command.Parameters.AddWithValue(records);
        command.Parameters.AddWithValue(until.UtcDateTime);
        await command.ExecuteNonQueryAsync(stop);
    }
}
