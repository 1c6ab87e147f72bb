using System.Globalization;
using Npgsql;
using NpgsqlTypes;

namespace Pipeline.Sinks.Postgres;

/// <summary>
/// Rows of a user or of a project's members from both tables, none twice: days that were added up from <c>activity_days</c>, and from <c>activity</c> what is not in them: the window's
/// ends, days that are not over, and days in which something changed since. One statement, so that one snapshot says what is where.
/// </summary>
static class MetricsDays
{
    const string AddedUpBefore = "(SELECT added_up_before FROM pipeline.days_state)";

    /// <summary>A midnight, UTC.</summary>
    public static DateTime Floor(DateTime time) => time.Date;

    public static DateTime Ceiling(DateTime time) => time == time.Date ? time : time.Date.AddDays(1);

    /// <param name="ofActivity">Columns, of rows of <c>activity</c>.</param>
    /// <param name="ofDays">The same, of rows of <c>activity_days</c>.</param>
    /// <param name="window">What is wanted of <c>activity</c>.</param>
    /// <param name="days">Midnights, between which days are taken whole; they may lie outside the window.</param>
    /// <returns>What follows FROM: the rows are <c>r</c>, and the members <c>m</c> where there are any.</returns>
    public static string From(NpgsqlBatchCommand command, MetricsQuery query, string ofActivity, string ofDays, (DateTime From, DateTime To) window, (DateTime From, DateTime To) days)
    {
        string Time(DateTime time) => MetricsSql.Add(command, time, NpgsqlDbType.TimestampTz);
        var (of, members) = Whose(command, query);
        string Of(string table) => string.Format(CultureInfo.InvariantCulture, of, table);
        var (firstDay, lastDay) = (Time(days.From), $"least({Time(days.To)}, {AddedUpBefore})");
        var rows = $"""
            SELECT {ofDays} FROM pipeline.activity_days d WHERE {Of("d")} AND d.day >= {firstDay} AND d.day < {lastDay}
                AND NOT EXISTS (SELECT FROM pipeline.changed_days c WHERE c.tenant = d.tenant AND c.user_id = d.user_id AND c.project_id = d.project_id AND c.day = d.day)
            UNION ALL
            SELECT {ofActivity} FROM (SELECT DISTINCT c.tenant, c.user_id, c.project_id, c.day FROM pipeline.changed_days c WHERE {Of("c")} AND c.day >= {firstDay} AND c.day < {lastDay}) AS changed (t, u, p, d)
                JOIN pipeline.activity a ON a.tenant = t AND a.user_id = u AND a.project_id = p AND a.bucket >= d AND a.bucket < d + interval '24 hours'
            UNION ALL
            SELECT {ofActivity} FROM pipeline.activity a WHERE {Of("a")} AND a.bucket >= greatest({(window.From > days.From ? Time(window.From) : firstDay)}, {lastDay}) AND a.bucket < {Time(window.To)}
            """;
        if (window.From < days.From)
            rows += $" UNION ALL SELECT {ofActivity} FROM pipeline.activity a WHERE {Of("a")} AND a.bucket >= {Time(window.From)} AND a.bucket < {firstDay}";
        // OFFSET 0 keeps the planner from turning this into a scan of all rows.
        return members is null ? $"({rows}) AS r" : $"pipeline.members m CROSS JOIN LATERAL ({rows} OFFSET 0) AS r WHERE {members}";
    }

    /// <returns>Which rows of a table, with its name to be put in, and which members; null for a single user.</returns>
    static (string Of, string? Members) Whose(NpgsqlBatchCommand command, MetricsQuery query)
    {
        string Text(string value) => MetricsSql.Add(command, value, NpgsqlDbType.Text);
        var tenant = Text(query.Tenant);
        if (query.UserId is not null)
            return ($"{{0}}.tenant = {tenant} AND {{0}}.user_id = {Text(query.UserId)}{(query.ProjectId is null ? "" : $" AND {{0}}.project_id = {Text(query.ProjectId)}")}", null);
        return ("{0}.tenant = m.tenant AND {0}.user_id = m.user_id AND {0}.project_id = m.project_id",
            $"m.tenant = {tenant}{MetricsSql.And(command, "m.project_id", query.ProjectId)}{MetricsSql.AndUsers(command, query)}");
    }
}
