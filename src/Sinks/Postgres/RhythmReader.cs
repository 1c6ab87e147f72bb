using System.Collections;
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
        DateTime? hour = null;
        while (await reader.ReadAsync(stop))
        {
            if (hour is { } before && before != reader.GetDateTime(1))
                active.EndHour(SlotUnion.SlotOf(before));
            hour = reader.GetDateTime(1);
            active.Unite(reader.GetFieldValue<BitArray>(2));
        }
        if (hour is { } last)
            active.EndHour(SlotUnion.SlotOf(last));
        foreach (var (first, end) in ActiveTime.Runs(active.Slots, query.GapSeconds))
            rhythm.AddActive(first, end);
        return rhythm;
    }
}
