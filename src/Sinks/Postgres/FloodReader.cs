using Npgsql;

namespace Pipeline.Sinks.Postgres;

/// <summary>A tenant whose events become dead letters faster than its quota allows, as the processors noted it.</summary>
/// <param name="Remaining">By the server's clock, so that the clocks of hosts need not agree.</param>
public sealed record NotedFlood(string Tenant, long DeadLetters, long Records, DateTime Until, TimeSpan Remaining);

public sealed class FloodReader(NpgsqlDataSource database)
{
    /// <returns>The floods that are not over.</returns>
    public async Task<IReadOnlyList<NotedFlood>> ReadAsync(CancellationToken stop)
    {
        await using var command = database.CreateCommand("SELECT tenant, dead_letters, records, until, until - now() FROM control.floods WHERE until > now() ORDER BY tenant");
        await using var reader = await command.ExecuteReaderAsync(stop);
        var floods = new List<NotedFlood>();
        while (await reader.ReadAsync(stop))
            floods.Add(new NotedFlood(reader.GetString(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetDateTime(3), reader.GetTimeSpan(4)));
        return floods;
    }
}
