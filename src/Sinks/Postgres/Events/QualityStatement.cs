using Npgsql;
using Pipeline.Contracts.Events;
using Pipeline.Sinks.Metrics;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>Counts by the time of receipt what became of the events of a batch, and how well they came: table <c>quality</c>.</summary>
static class QualityStatement
{
    const long LateUs = 5 * 60 * Rfc3339.MicrosecondsPerSecond;
    const string Stored = "stored", Duplicate = "duplicate";

    const string Sql = """
        INSERT INTO quality (log_id, bucket, tenant, project_id, outcome, events, late, skewed, outliers, deliveries)
        SELECT $1, * FROM unnest($2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bytea[])
        ON CONFLICT (tenant, bucket, project_id, log_id, outcome) DO UPDATE SET events = quality.events + excluded.events, late = quality.late + excluded.late,
            skewed = quality.skewed + excluded.skewed, outliers = quality.outliers + excluded.outliers, deliveries = add_bins(quality.deliveries, excluded.deliveries)
        """;

    readonly record struct Key(long BucketUs, string Tenant, string ProjectId, string Outcome);

    sealed class Counts
    {
        public long Events, Late, Skewed, Outliers;
        public Bins Deliveries;
    }

    /// <returns>Null where the batch held no record.</returns>
    public static NpgsqlBatchCommand? Upsert(Fence fence, ResolvedEvents resolved, List<DeadLetter> letters)
    {
        var counts = new Dictionary<Key, Counts>();
        var (bucketUs, last, sums) = (long.MinValue, default(EventRow), default(Counts));
        foreach (var row in resolved.New)
        {
            // Neighbours often are of one project and quarter of an hour; the texts of a batch are one string each.
            var us = ActivityBuckets.FloorTo(row.ReceivedAtUs, ActivityBuckets.BucketUs);
            if (us != bucketUs || !ReferenceEquals(row.ProjectId, last!.ProjectId) || !ReferenceEquals(row.Tenant, last.Tenant))
                sums = Of(counts, row.ReceivedAtUs, row.Tenant, row.ProjectId, Stored);
            (bucketUs, last) = (us, row);
            AddStored(sums!, row);
        }
        foreach (var row in resolved.Repeated)
            Of(counts, row.ReceivedAtUs, row.Tenant, row.ProjectId, Duplicate).Events++;
        foreach (var letter in letters)
            Of(counts, letter.LoggedAtUs, letter.Tenant, "", letter.Fault.Code).Events++;
        if (counts.Count == 0)
            return null;
        var list = counts.ToList();
        return EventStatements.Command(Sql, fence.LogId, list.Select(c => EventStatements.Time(c.Key.BucketUs)).ToArray(), list.Select(c => c.Key.Tenant).ToArray(),
            list.Select(c => c.Key.ProjectId).ToArray(), list.Select(c => c.Key.Outcome).ToArray(), list.Select(c => c.Value.Events).ToArray(), list.Select(c => c.Value.Late).ToArray(),
            list.Select(c => c.Value.Skewed).ToArray(), list.Select(c => c.Value.Outliers).ToArray(), list.Select(c => c.Value.Deliveries.Entries()).ToArray());
    }

    static void AddStored(Counts counts, EventRow row)
    {
        counts.Events++;
        counts.Late += row.ReceivedAtUs - row.OccurredAtUs > LateUs ? 1 : 0;
        counts.Skewed += row.Corrected ? 1 : 0;
        counts.Outliers += !double.IsNaN(row.DurationMs) && !ActivityBuckets.TryDuration(row.DurationMs, out _) ? 1 : 0;
        if (row.SentAtUs is { } sent)
            counts.Deliveries.Add(Math.Abs(row.ReceivedAtUs - sent));
    }

    static Counts Of(Dictionary<Key, Counts> counts, long receivedUs, string tenant, string projectId, string outcome)
    {
        var key = new Key(ActivityBuckets.FloorTo(receivedUs, ActivityBuckets.BucketUs), tenant, projectId, outcome);
        if (!counts.TryGetValue(key, out var found))
            counts.Add(key, found = new Counts());
        return found;
    }
}
