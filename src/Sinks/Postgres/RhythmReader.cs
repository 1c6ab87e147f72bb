using Npgsql;
using Pipeline.Sinks.Metrics;

namespace Pipeline.Sinks.Postgres;

/// <summary>Reads when a user works: row by row, so that memory holds no more than the answer and one user's slots.</summary>
public sealed class RhythmReader(NpgsqlDataSource database)
{
    /// <param name="query">Of one user, without tool and annotation type.</param>
    public async Task<Rhythm> ReadAsync(MetricsQuery query, TimeZoneInfo zone, CancellationToken stop)
    {
        var rhythm = new Rhythm(zone, SlotUnion.SlotOf(query.Edges[0]), SlotUnion.SlotOf(query.Edges[^1]));
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(MetricsSql.Quarters(query));
        batch.BatchCommands.Add(MetricsSql.Slots(query));
        await using var reader = await batch.ExecuteReaderAsync(stop);
        while (await reader.ReadAsync(stop))
            rhythm.AddWork(reader.GetDateTime(0), reader.GetInt64(1), reader.GetInt64(2));
        await reader.NextResultAsync(stop);
        var active = new SlotUnion();
        while (await reader.ReadAsync(stop))
            if (reader.IsDBNull(2))
                active.UniteDay(reader.GetDateTime(1), MetricsReader.Bytes(reader, 4));
            else if (reader.GetBoolean(2))
                active.Unite(reader.GetDateTime(1), MetricsReader.Bytes(reader, 3));
        foreach (var (first, end) in ActiveTime.Runs(active.Slots, query.GapSeconds))
            rhythm.AddActive(first, end);
        return rhythm;
    }
}
