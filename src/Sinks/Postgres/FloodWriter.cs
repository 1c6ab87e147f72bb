using Npgsql;

namespace Pipeline.Sinks.Postgres;

/// <summary>Notes tenants that flood the dead letters, for every host to read.</summary>
public sealed class FloodWriter(NpgsqlDataSource database)
{
    /// <summary>Of several processes that tell of one tenant, the one counts that sees the flood longest.</summary>
    /// <param name="remaining">How long it is a flood still: the end is kept by the server's clock, by which it is read.</param>
    public async Task WriteAsync(string tenant, long deadLetters, long records, TimeSpan remaining, CancellationToken stop)
    {
        await using var command = database.CreateCommand("""
            INSERT INTO control.floods (tenant, dead_letters, records, until) VALUES ($1, $2, $3, now() + $4)
            ON CONFLICT (tenant) DO UPDATE SET dead_letters = excluded.dead_letters, records = excluded.records, until = excluded.until,
                noted_at = CASE WHEN floods.until < now() THEN now() ELSE floods.noted_at END
            WHERE excluded.until > floods.until
            """);
        command.Parameters.AddWithValue(tenant);
        command.Parameters.AddWithValue(deadLetters);
        command.Parameters.AddWithValue(records);
        command.Parameters.AddWithValue(remaining);
        await command.ExecuteNonQueryAsync(stop);
    }
}
