using System.Collections;
using Npgsql;
using Pipeline.Sinks.Metrics;

namespace Pipeline.Sinks.Postgres;

/// <summary>Reads how events came from aggregates: row by row, so that memory holds no more than the answer.</summary>
public sealed class QualityReader(NpgsqlDataSource database)
{
    const string Stored = "stored", Duplicate = "duplicate";

    static readonly TimeSpan SessionGap = TimeSpan.FromSeconds(MetricsQuery.SessionGapSeconds), Hour = TimeSpan.FromHours(1);

    /// <param name="query">Without user; without project, the whole tenant.</param>
    /// <returns>One for each bucket.</returns>
    public async Task<IReadOnlyList<QualitySums>> ReadAsync(MetricsQuery query, CancellationToken stop)
    {
        var buckets = Enumerable.Range(0, query.Edges.Count - 1).Select(_ => new QualitySums()).ToList();
        await using var connection = await database.OpenConnectionAsync(stop);
        await ReadReceivedAsync(connection, query, buckets, stop);
        if (query.ProjectId is null)
            await ReadIngestAsync(connection, query, buckets, stop);
        await ReadSessionsAsync(connection, query, buckets, stop);
        return buckets;
    }

    static async Task ReadReceivedAsync(NpgsqlConnection connection, MetricsQuery query, List<QualitySums> buckets, CancellationToken stop)
    {
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { MetricsSql.Quality(query) } };
        await using var reader = await batch.ExecuteReaderAsync(stop);
        while (await reader.ReadAsync(stop))
        {
            var (sums, outcome, events) = (buckets[reader.GetInt32(0)], reader.GetString(1), reader.GetInt64(2));
            if (outcome == Duplicate)
                sums.Duplicates += events;
            else if (outcome != Stored)
                sums.DeadLetters[outcome] = sums.DeadLetters.GetValueOrDefault(outcome) + events;
            else
            {
                sums.Received += events;
                sums.Late += reader.GetInt64(3);
                sums.Skewed += reader.GetInt64(4);
                sums.Outliers += reader.GetInt64(5);
                if (!reader.IsDBNull(6))
                    sums.Deliveries.Add(reader.GetFieldValue<byte[]>(6));
            }
        }
    }

    static async Task ReadIngestAsync(NpgsqlConnection connection, MetricsQuery query, List<QualitySums> buckets, CancellationToken stop)
    {
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { MetricsSql.IngestCounts(query) } };
        await using var reader = await batch.ExecuteReaderAsync(stop);
        while (await reader.ReadAsync(stop))
        {
            var (sums, kind, reason, n) = (buckets[reader.GetInt32(0)], reader.GetString(1), reader.GetString(2), reader.GetInt64(3));
            if (kind == IngestCount.ClientDropped)
                sums.ClientDropped += n;
            else
                (kind == IngestCount.Rejected ? sums.Rejected : sums.RefusedBatches)[reason] = n;
        }
    }

    /// <summary>The window, then again for those whose last session runs on beyond it, with as much more as it takes, in steps that double.</summary>
    static async Task ReadSessionsAsync(NpgsqlConnection connection, MetricsQuery query, List<QualitySums> buckets, CancellationToken stop)
    {
        var coverage = new SessionCoverage(query.Edges);
        var to = query.Edges[^1] + Hour;
        for (var step = Hour; ; step *= 2)
        {
            await using (var batch = new NpgsqlBatch(connection) { BatchCommands = { MetricsSql.Performance(query, query.Edges[0] - SessionGap - Hour, to) } })
            await using (var reader = await batch.ExecuteReaderAsync(stop))
                while (await reader.ReadAsync(stop))
                    coverage.Add(reader.GetString(0), reader.GetDateTime(1), reader.GetBoolean(2), reader.GetFieldValue<BitArray>(3), to);
            coverage.EndUser(to);
            if (coverage.Open.Count == 0)
                break;
            query = query with { Users = [.. coverage.Open] };
            coverage.Open.Clear();
            to += step;
        }
        foreach (var (i, sums) in buckets.Index())
            (sums.Sessions, sums.SessionsWithPerformance) = (coverage.Sessions[i], coverage.Covered[i]);
    }
}
