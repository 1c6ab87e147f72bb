using Npgsql;
using NpgsqlTypes;
using Pipeline.Contracts.Events;

namespace Pipeline.Sinks.Postgres;

/// <summary>By what events are counted.</summary>
public enum RawCountsBy { Nothing, EventType, Project, Tool, AnnotationType }

/// <param name="Name">Of the type, project or tool; "" for events without.</param>
/// <param name="Durations">Events with a duration in range.</param>
/// <param name="DurationUs">Their sum.</param>
public sealed record RawCounts(RawCountsBy By, string Name, long Events, DateTime First, DateTime Last, long Durations, long DurationUs, long DurationOutliers);

/// <summary>Counts a user's stored events, without any metric's definition.</summary>
public sealed class RawCountsReader(NpgsqlDataSource database)
{
    /// <param name="query">Of one user.</param>
    /// <returns>By name in byte order; events without a tool are of tool "", those without an annotation type of none.</returns>
    public async Task<IReadOnlyList<RawCounts>> ReadAsync(MetricsQuery query, CancellationToken stop)
    {
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(MetricsSql.RawCounts(query));
        await using var reader = await batch.ExecuteReaderAsync(stop);
        var counts = new List<RawCounts>();
        while (await reader.ReadAsync(stop))
        {
            var by = ByOf(reader.GetInt32(0));
            var name = by switch
            {
                RawCountsBy.EventType => ((EventType)reader.GetInt16(1)).Name(),
                RawCountsBy.Nothing => "",
                _ => reader.GetString((int)by),
            };
            if (by != RawCountsBy.AnnotationType || name.Length > 0)
                counts.Add(new RawCounts(by, name, reader.GetInt64(5), reader.GetDateTime(6), reader.GetDateTime(7), reader.GetInt64(8), reader.GetInt64(9), reader.GetInt64(10)));
        }
        return counts;
    }

    /// <summary>SQL's GROUPING has a bit for each column that a row is not grouped by, the first column's the highest.</summary>
    static RawCountsBy ByOf(int grouping) => grouping switch
    {
        0b0111 => RawCountsBy.EventType,
        0b1011 => RawCountsBy.Project,
        0b1101 => RawCountsBy.Tool,
        0b1110 => RawCountsBy.AnnotationType,
        _ => RawCountsBy.Nothing,
    };
}
