using System.ComponentModel;
using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Pipeline.Ingest.Events;
using Pipeline.Ingest.Operations;
using Pipeline.Sinks.Metrics;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest.Statistics;

/// <summary>The figures of one member, with the time in this project alone, so that members add up to their project.</summary>
[method: SetsRequiredMembers]
public sealed record TeamMember(string UserId, Figures Figures) : Figures(Figures)
{
    [System.Text.Json.Serialization.JsonIgnore]
    public Figures Figures { get; } = Figures;
}

/// <param name="Users">Everybody who was ever seen in the project, by id in byte order; zeros where the window holds nothing of them.</param>
/// <param name="NextCursor">Give it as <c>cursor</c> for the next page; null at the end.</param>
/// <param name="Definitions">Where each figure is defined.</param>
public sealed record Team(string ProjectId, bool Known, AskedWindow Window, IReadOnlyList<TeamMember> Users, string? NextCursor, string Definitions = MetricDefinitions.Path);

/// <param name="Rank">1 for the first; members of one value share it, and the next rank is as far on as they are many. Null without a value.</param>
public sealed record Ranked(int? Rank, string UserId, double? Value);

/// <param name="Members">Everybody who was ever seen in the project.</param>
/// <param name="MembersWithValue">Those whose value is not null.</param>
public sealed record Leaderboard(string ProjectId, bool Known, AskedWindow Window, string Metric, string Unit, string Definition, string? Formula, string Order,
    int Members, int MembersWithValue, IReadOnlyList<Ranked> Users, string Definitions = MetricDefinitions.Path);

/// <summary>The members of a project, one by one and against each other.</summary>
static class TeamEndpoints
{
    const int PageDefault = 50, PageMax = 500, LeadersDefault = 10, LeadersMax = 500;

    public static void Map(IEndpointRouteBuilder api)
    {
        var project = api.MapGroup("stats/projects/{project_id}").AddEndpointFilter(StoreFilter.InvokeAsync);
        project.MapGet("users", TeamAsync).WithName("GetTeam").WithSummary("The metrics of each member of a project").Produces<Team>().ProducesProblems(400, 503);
        project.MapGet("leaderboard", LeaderboardAsync).WithName("GetLeaderboard").WithSummary("Members of a project, ranked by one metric").Produces<Leaderboard>().ProducesProblems(400, 503);
    }

    static async Task<Results<JsonHttpResult<Team>, Problem>> TeamAsync([FromRoute(Name = "project_id")] string projectId, [AsParameters] FiguresQuery asked,
        [FromQuery(Name = "limit"), Description("1 to 500. Default 50.")] string? limit, [FromQuery(Name = "cursor"), Description("What the page before called next_cursor.")] string? cursor,
        HttpContext http, MemberReader members, MemberFigures figures)
    {
        projectId = StatisticsEndpoints.LastSegment(http, behind: 1) ?? projectId;
        if (asked.Read(null, projectId, out var query) is { } problem)
            return problem;
        if (ReadLimit(limit, PageDefault, PageMax, out var count) is { } wrongLimit)
            return wrongLimit;
        string? after = null;
        if (cursor is not null && !MemberCursor.TryRead(cursor, out after))
            return WindowQuery.Wrong("cursor", "must be what an earlier answer called next_cursor.");
        // One more than asked for tells whether there is a next page.
        var page = await members.ReadAsync(query.Tenant, projectId, null, after is null ? null : new Member(projectId, after), count + 1, http.RequestAborted);
        var users = new List<TeamMember>();
        foreach (var some in page.Take(count).Chunk(PageDefault))
            users.AddRange((await figures.ReadAsync(query, some, http.RequestAborted)).Select(r => new TeamMember(r.UserId, r.Figures)));
        // Behind the last member there are no more, but the project is known.
        var known = page.Count > 0 || (after is not null && (await members.ReadAsync(query.Tenant, projectId, null, null, 1, http.RequestAborted)).Count > 0);
        return TypedResults.Json(new Team(projectId, known, AskedWindow.Of(query), users, page.Count > count ? MemberCursor.Write(page[count - 1].UserId) : null), BatchAnswer.Json);
    }

    static async Task<Results<JsonHttpResult<Leaderboard>, Problem>> LeaderboardAsync([FromRoute(Name = "project_id")] string projectId, [AsParameters] FiguresQuery asked,
        [FromQuery(Name = "metric"), Description("The name of any metric. Default annotations_completed.")] string? metric,
        [FromQuery(Name = "order"), Description("desc or asc. Default desc. Members without a value come last either way.")] string? order,
        [FromQuery(Name = "limit"), Description("1 to 500. Default 10.")] string? limit, HttpContext http, MemberFigures figures)
    {
        projectId = StatisticsEndpoints.LastSegment(http, behind: 1) ?? projectId;
        if (asked.Read(null, projectId, out var query) is { } problem)
            return problem;
        if (ReadLimit(limit, LeadersDefault, LeadersMax, out var count) is { } wrongLimit)
            return wrongLimit;
        if (order is not (null or "desc" or "asc"))
            return WindowQuery.Wrong("order", "is desc or asc.");
        if (MetricColumn.Find(metric ?? "annotations_completed") is not { } column)
            return new Problem(400, "unknown_metric", $"There is no such metric; the nearest are {string.Join(", ", MetricColumn.Nearest(metric!))}. {MetricDefinitions.Path} names all.") { Parameter = "metric" };
        if (column.Definition.NeedsTime && !query.HasTime)
            return WindowQuery.Wrong("metric", "has to do with time, which is not offered by tool or annotation type.");
        var ranking = new Ranking(count, descending: order != "asc");
        await foreach (var page in figures.PagesAsync(query, http.RequestAborted))
            foreach (var row in page)
                ranking.Add(row.UserId, column.Of(row.Figures));
        var about = column.Definition;
        return TypedResults.Json(new Leaderboard(projectId, ranking.Members > 0, AskedWindow.Of(query), about.Name, about.Unit, about.Text, about.Formula, order ?? "desc",
            ranking.Members, ranking.MembersWithValue, ranking.Best), BatchAnswer.Json);
    }

    static Problem? ReadLimit(string? text, int otherwise, int max, out int limit)
    {
        limit = otherwise;
        return text is null || DeadLetterQuery.TryWhole(text, 1, max, out limit) ? null : WindowQuery.Wrong("limit", $"is a whole number from 1 to {max}.");
    }
}
