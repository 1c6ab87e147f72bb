using System.ComponentModel;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Pipeline.Ingest.Events;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest.Statistics;

/// <param name="Name">Null for events that name none.</param>
/// <param name="Durations">Events with a duration within [0, 30 min].</param>
/// <param name="TotalDurationMs">Their sum.</param>
/// <param name="DurationOutliers">Events with a duration outside it.</param>
public sealed record StoredCounts(string? Name, long Events, DateTime FirstEvent, DateTime LastEvent, long Durations, double TotalDurationMs, long DurationOutliers)
{
    internal static StoredCounts Of(RawCounts counts) =>
        new(counts.Name.Length == 0 ? null : counts.Name, counts.Events, counts.First, counts.Last, counts.Durations, counts.DurationUs / 1000.0, counts.DurationOutliers);
}

/// <summary>Plain counts of stored events, each id once, by the time they occurred.</summary>
/// <param name="Known">Whether any event of the user was ever stored.</param>
public sealed record RawStatistics(string UserId, string? ProjectId, bool Known, AskedWindow Window, long Events, DateTime? FirstEvent, DateTime? LastEvent, long Durations, double TotalDurationMs,
    long DurationOutliers, IReadOnlyList<StoredCounts> ByEventType, IReadOnlyList<StoredCounts> ByProject, IReadOnlyList<StoredCounts> ByTool, IReadOnlyList<StoredCounts> ByAnnotationType,
    string Definitions = MetricDefinitions.Path);

static class RawStatisticsEndpoint
{
    public static void Map(IEndpointRouteBuilder api) =>
        api.MapGet("events/raw-stats/{user_id}", GetAsync).WithName("GetRawStatistics").WithSummary("Counts of a user's stored events by type, project, tool and annotation type")
            .AddEndpointFilter(StoreFilter.InvokeAsync).Produces<RawStatistics>().ProducesProblems(400, 503);

    static async Task<Results<JsonHttpResult<RawStatistics>, Problem>> GetAsync([FromRoute(Name = "user_id")] string userId, [AsParameters] WindowQuery asked,
        [FromQuery(Name = "project_id"), Description("In this project alone.")] string? projectId, HttpContext http, RawCountsReader counts, MemberReader members)
    {
        userId = StatisticsEndpoints.LastSegment(http) ?? userId;
        if (asked.Read(userId, projectId, out var query) is { } problem)
            return problem;
        var rows = await counts.ReadAsync(query, http.RequestAborted);
        var known = rows.Count > 0 || (await members.ReadAsync(query.Tenant, null, userId, null, 1, http.RequestAborted)).Count > 0;
        List<StoredCounts> By(RawCountsBy by) => [.. rows.Where(r => r.By == by).Select(StoredCounts.Of)];
        var all = By(RawCountsBy.Nothing).SingleOrDefault();
        return TypedResults.Json(new RawStatistics(userId, projectId, known, AskedWindow.Of(query), all?.Events ?? 0, all?.FirstEvent, all?.LastEvent, all?.Durations ?? 0, all?.TotalDurationMs ?? 0,
            all?.DurationOutliers ?? 0, By(RawCountsBy.EventType), By(RawCountsBy.Project), By(RawCountsBy.Tool), By(RawCountsBy.AnnotationType)), BatchAnswer.Json);
    }
}
