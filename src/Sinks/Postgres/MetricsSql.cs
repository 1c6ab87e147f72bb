using Npgsql;
using NpgsqlTypes;
using Pipeline.Sinks.Postgres.Days;

namespace Pipeline.Sinks.Postgres;

/// <summary>
/// The statements of a <see cref="MetricsQuery"/>. A user's rows lie together in the tables; a project's are found member by member, so that the tables need no second
/// index. OFFSET 0 keeps the planner from turning that into a scan of all rows.
/// </summary>
static class MetricsSql
{
    /// <summary>Part, bucket, and <see cref="WorkColumns.Sums"/>. Days that were added up count where they lie within one bucket.</summary>
    public static NpgsqlBatchCommand Work(MetricsQuery query)
    {
        var part = query.Split switch { MetricsSplit.User => "r.user_id", MetricsSplit.Project => "r.project_id", MetricsSplit.Tool => "r.tool", MetricsSplit.AnnotationType => "r.annotation_type", _ => "''" };
        var command = new NpgsqlBatchCommand();
        var (from, to) = (query.Edges[0], query.Edges[^1]);
        var (firstDay, lastDay) = (MetricsDays.Ceiling(from), MetricsDays.Floor(to));
        // Slots know no tool and no type, and neither do days.
        var rows = query.HasTime && firstDay < lastDay && query.Edges.Skip(1).SkipLast(1).All(e => e == MetricsDays.Floor(e))
            ? MetricsDays.From(command, query, $"user_id, project_id, bucket AS at, {WorkColumns.OfActivity}", $"user_id, project_id, day AS at, {WorkColumns.Names}", (from, to), (firstDay, lastDay))
            : $"(SELECT user_id, project_id, tool, annotation_type, bucket AS at, {WorkColumns.OfActivity} FROM {From(command, "activity", "bucket", query, from, to,
                And(command, "tool", query.Tool) + And(command, "annotation_type", query.AnnotationType))}) AS r";
        command.CommandText = $"SELECT {part}, width_bucket(at, {Add(command, query.Edges.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.TimestampTz)}) - 1, {WorkColumns.Sums} FROM {rows} GROUP BY 1, 2";
        return command;
    }

    /// <summary>
    /// User, time, and either whether it is of work and the slots of the bucket that begins then, or the slots of a day's work and of its other events; users one after the other. Not united here: to sort
    /// a project's rows for that takes half as much again as to send them. Reaches as far beyond the window as a gap may, and behind it as far as an event; by whole days where it can.
    /// </summary>
    public static NpgsqlBatchCommand Slots(MetricsQuery query)
    {
        var reach = TimeSpan.FromSeconds(MetricsQuery.SessionGapSeconds) + TimeSpan.FromMinutes(15);
        var command = new NpgsqlBatchCommand();
        var (from, to) = (query.Edges[0] - reach, query.Edges[^1] + reach + TimeSpan.FromMinutes(30));
        var rows = MetricsDays.From(command, query, "user_id, bucket, event_type <= 4, substring(bit_send(slots) FROM 5), NULL, NULL", "user_id, day, NULL::boolean, NULL::bytea, work_slots, other_slots",
            (from, to), (MetricsDays.Floor(from), MetricsDays.Ceiling(to)));
        command.CommandText = $"SELECT r.* FROM {rows}{(query.UserId is null ? " ORDER BY m.user_id" : "")}";
        return command;
    }

    /// <summary>Quarter of an hour, annotation events, completions.</summary>
    public static NpgsqlBatchCommand Quarters(MetricsQuery query)
    {
        var command = new NpgsqlBatchCommand();
        var rows = From(command, "activity", "bucket", query, query.Edges[0], query.Edges[^1], "");
        command.CommandText = $"SELECT bucket, coalesce(sum(events) FILTER (WHERE event_type = 1), 0)::bigint, coalesce(sum(completed), 0) FROM {rows} GROUP BY 1";
        return command;
    }

    /// <summary>GROUPING, event type, project, tool, annotation type, events, first, last, durations, their sum, outliers.</summary>
    public static NpgsqlBatchCommand RawCounts(MetricsQuery query)
    {
        var command = new NpgsqlBatchCommand();
        var rows = From(command, "activity", "bucket", query, query.Edges[0], query.Edges[^1], "");
        command.CommandText = $"""
            SELECT grouping(event_type, project_id, tool, annotation_type), event_type, project_id, tool, annotation_type, sum(events)::bigint, min(first_at) FILTER (WHERE events > 0),
                max(last_at) FILTER (WHERE events > 0), sum(durations)::bigint, sum(duration_us)::bigint, sum(duration_outliers)::bigint
            FROM {rows} GROUP BY GROUPING SETS ((), (event_type), (project_id), (tool), (annotation_type)) HAVING sum(events) > 0 ORDER BY 1, 2, 3, 4, 5
            """;
        return command;
    }

    /// <summary>User, bucket, whether it is of performance events, slots; by user, then bucket.</summary>
    public static NpgsqlBatchCommand Performance(MetricsQuery query, DateTime from, DateTime to)
    {
        var command = new NpgsqlBatchCommand();
        var rows = From(command, "activity", "bucket", query, from, to, "");
        command.CommandText = $"SELECT user_id, bucket, event_type = 5, bit_or(slots) FROM {rows} GROUP BY 1, 2, 3 ORDER BY 1, 2";
        return command;
    }

    /// <summary>Bucket, outcome, and what is counted of it; many rows of each. Not added up here: one histogram of everything would have no bound.</summary>
    public static NpgsqlBatchCommand Quality(MetricsQuery query)
    {
        var command = new NpgsqlBatchCommand();
        command.CommandText = $"SELECT {Bucket(command, query)}, outcome, events, late, skewed, outliers, deliveries FROM pipeline.quality WHERE {Received(command, query)}{And(command, "project_id", query.ProjectId)}";
        return command;
    }

    /// <summary>Bucket, kind, reason, number.</summary>
    public static NpgsqlBatchCommand IngestCounts(MetricsQuery query)
    {
        var command = new NpgsqlBatchCommand();
        command.CommandText = $"SELECT {Bucket(command, query)}, kind, reason, sum(n)::bigint FROM control.ingest_counts WHERE {Received(command, query)} GROUP BY 1, 2, 3";
        return command;
    }

    static string Bucket(NpgsqlBatchCommand command, MetricsQuery query) => $"width_bucket(bucket, {Add(command, query.Edges.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.TimestampTz)}) - 1";

    static string Received(NpgsqlBatchCommand command, MetricsQuery query) =>
        $"tenant = {Add(command, query.Tenant, NpgsqlDbType.Text)} AND bucket >= {Add(command, query.Edges[0], NpgsqlDbType.TimestampTz)} AND bucket < {Add(command, query.Edges[^1], NpgsqlDbType.TimestampTz)}";

    /// <summary>Whether anything of the user or the project was ever stored.</summary>
    public static NpgsqlBatchCommand Known(MetricsQuery query)
    {
        var command = new NpgsqlBatchCommand();
        var tenant = Add(command, query.Tenant, NpgsqlDbType.Text);
        command.CommandText = query.UserId is null
            ? $"SELECT EXISTS (SELECT FROM pipeline.members WHERE tenant = {tenant} AND project_id = {Add(command, query.ProjectId!, NpgsqlDbType.Text)})"
            : $"SELECT EXISTS (SELECT FROM pipeline.activity WHERE tenant = {tenant} AND user_id = {Add(command, query.UserId, NpgsqlDbType.Text)})";
        return command;
    }

    static string From(NpgsqlBatchCommand command, string table, string time, MetricsQuery query, DateTime from, DateTime to, string more)
    {
        var window = $"{time} >= {Add(command, from, NpgsqlDbType.TimestampTz)} AND {time} < {Add(command, to, NpgsqlDbType.TimestampTz)}{more}";
        var tenant = Add(command, query.Tenant, NpgsqlDbType.Text);
        if (query.UserId is not null)
            return $"pipeline.{table} WHERE tenant = {tenant} AND user_id = {Add(command, query.UserId, NpgsqlDbType.Text)}{And(command, "project_id", query.ProjectId)} AND {window}";
        var members = And(command, "m.project_id", query.ProjectId) + AndUsers(command, query);
        return $"""
            (SELECT m.user_id AS member, r.* FROM pipeline.members m CROSS JOIN LATERAL (SELECT * FROM pipeline.{table} a
                WHERE a.tenant = m.tenant AND a.user_id = m.user_id AND a.project_id = m.project_id AND {window} OFFSET 0) AS r WHERE m.tenant = {tenant}{members}) AS rows
            """;
    }

    internal static string AndUsers(NpgsqlBatchCommand command, MetricsQuery query) =>
        query.Users is null ? "" : $" AND m.user_id = ANY({Add(command, query.Users.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text)})";

    internal static string And(NpgsqlBatchCommand command, string column, string? value) => value is null ? "" : $" AND {column} = {Add(command, value, NpgsqlDbType.Text)}";

    /// <returns>The parameter's name. Values never become part of a statement's text.</returns>
    internal static string Add(NpgsqlBatchCommand command, object value, NpgsqlDbType type)
    {
        command.Parameters.Add(new NpgsqlParameter { Value = value, NpgsqlDbType = type });
        return $"${command.Parameters.Count}";
    }
}
