using Npgsql;

namespace Pipeline.Sinks.Postgres;

/// <summary>Reads single durations from the events themselves. No index leads there: it costs the weeks that are looked through.</summary>
public sealed class DurationReader(NpgsqlDataSource database)
{
    const string Sql = """
        SELECT (convert_from(value, 'UTF8')::json -> 'data' ->> 'duration')::float8 FROM pipeline.events
        WHERE tenant = $1 AND event_type = 1 AND ($2::text IS NULL OR project_id = $2) AND ($3::text IS NULL OR user_id = $3) AND occurred_at >= $4 AND occurred_at < $5
            AND logged_at >= $4 - interval '25 hours'
        ORDER BY occurred_at, event_id LIMIT $6
        """;

    /// <summary>Of annotation events, in ms, in the order in which they occurred. No event occurs a day later than it is logged, so that older weeks are left out.</summary>
    /// <param name="limit">No more than these.</param>
    public async Task<double[]> ReadAsync(string tenant, string? projectId, string? userId, (DateTime From, DateTime To) window, int limit, CancellationToken stop)
    {
        await using var command = database.CreateCommand(Sql);
        command.CommandTimeout = 0;
        command.Parameters.AddWithValue(tenant);
        command.Parameters.AddWithValue((object?)projectId ?? DBNull.Value);
        command.Parameters.AddWithValue((object?)userId ?? DBNull.Value);
        command.Parameters.AddWithValue(window.From);
        command.Parameters.AddWithValue(window.To);
        command.Parameters.AddWithValue(limit);
        var durations = new List<double>();
        await using var reader = await command.ExecuteReaderAsync(stop);
        while (await reader.ReadAsync(stop))
            durations.Add(reader.GetDouble(0));
        return [.. durations];
    }
}
