using Npgsql;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>Adds a batch's sums to table <c>activity</c>, in key order, so that a log's rows are always locked in one order.</summary>
static class ActivityStatement
{
    const string Sql = """
        INSERT INTO activity (log_id, tenant, user_id, project_id, bucket, event_type, tool, annotation_type,
            events, succeeded, durations, duration_us, duration_outliers, first_at, last_at)
        SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::smallint[], $7::text[], $8::text[],
            $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::timestamptz[], $15::timestamptz[])
        ON CONFLICT (tenant, user_id, project_id, bucket, log_id, event_type, tool, annotation_type) DO UPDATE SET
            events = activity.events + excluded.events, succeeded = activity.succeeded + excluded.succeeded,
            durations = activity.durations + excluded.durations, duration_us = activity.duration_us + excluded.duration_us,
            duration_outliers = activity.duration_outliers + excluded.duration_outliers,
            first_at = least(activity.first_at, excluded.first_at), last_at = greatest(activity.last_at, excluded.last_at)
        """;

    public static NpgsqlBatchCommand Upsert(int logId, List<KeyValuePair<ActivityBuckets.Key, ActivityBuckets.Sums>> buckets)
    {
        T[] Column<T>(Func<ActivityBuckets.Key, ActivityBuckets.Sums, T> select)
        {
            var column = new T[buckets.Count];
            for (var i = 0; i < column.Length; i++)
                column[i] = select(buckets[i].Key, buckets[i].Value);
            return column;
        }

        return EventStatements.Command(Sql, logId,
            Column((k, _) => k.Tenant), Column((k, _) => k.UserId), Column((k, _) => k.ProjectId), Column((k, _) => EventStatements.Time(k.BucketUs)),
            Column((k, _) => (short)k.Type), Column((k, _) => k.Tool), Column((k, _) => k.AnnotationType),
            Column((_, s) => s.Events), Column((_, s) => s.Succeeded), Column((_, s) => s.Durations), Column((_, s) => s.DurationUs),
            Column((_, s) => s.DurationOutliers), Column((_, s) => EventStatements.Time(s.FirstUs)), Column((_, s) => EventStatements.Time(s.LastUs)));
    }
}
