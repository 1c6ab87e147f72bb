using Npgsql;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>Adds a batch's sums to table <c>activity</c>, in key order, so that a log's rows are always locked in one order.</summary>
static class ActivityStatement
{
    const string Copy = """
        COPY pg_temp.batch_activity (log_id, tenant, user_id, project_id, bucket, event_type, tool, annotation_type,
            events, succeeded, durations, duration_us, duration_outliers, first_at, last_at) FROM STDIN (FORMAT binary)
        """;

    /// <summary>Reads the temporary table in the order in which it was filled.</summary>
    public const string Upsert = """
        INSERT INTO activity (log_id, tenant, user_id, project_id, bucket, event_type, tool, annotation_type,
            events, succeeded, durations, duration_us, duration_outliers, first_at, last_at)
        SELECT log_id, tenant, user_id, project_id, bucket, event_type, tool, annotation_type,
            events, succeeded, durations, duration_us, duration_outliers, first_at, last_at FROM pg_temp.batch_activity
        ON CONFLICT (tenant, user_id, project_id, bucket, log_id, event_type, tool, annotation_type) DO UPDATE SET
            events = activity.events + excluded.events, succeeded = activity.succeeded + excluded.succeeded,
            durations = activity.durations + excluded.durations, duration_us = activity.duration_us + excluded.duration_us,
            duration_outliers = activity.duration_outliers + excluded.duration_outliers,
            first_at = least(activity.first_at, excluded.first_at), last_at = greatest(activity.last_at, excluded.last_at)
        """;

    public static async Task CopyAsync(NpgsqlConnection session, CopyBuffer buffer, Fence fence, List<EventRow> rows, CancellationToken stop)
    {
        if (rows.Count == 0)
            return;
        var buckets = new ActivityBuckets();
        foreach (var row in rows)
            buckets.Add(row);
        await buffer.StartAsync(session, Copy, stop);
        foreach (var (key, sums) in buckets.InKeyOrder())
        {
            buffer.Row(15);
            buffer.Int(fence.LogId);
            buffer.Text(key.Tenant);
            buffer.Text(key.UserId);
            buffer.Text(key.ProjectId);
            buffer.Time(key.BucketUs);
            buffer.SmallInt((short)key.Type);
            buffer.Text(key.Tool);
            buffer.Text(key.AnnotationType);
            buffer.BigInt(sums.Events);
            buffer.BigInt(sums.Succeeded);
            buffer.BigInt(sums.Durations);
            buffer.BigInt(sums.DurationUs);
            buffer.BigInt(sums.DurationOutliers);
            buffer.Time(sums.FirstUs);
            buffer.Time(sums.LastUs);
            await buffer.EndRowAsync(stop);
        }
        await buffer.CompleteAsync(stop);
    }
}
