using System.Globalization;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Pipeline.Contracts;
using Pipeline.Contracts.Events;
using Pipeline.Ingest.Events;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest.Statistics;

/// <param name="TotalTime">Sum of the durations within [0, 30 min], ms.</param>
/// <param name="AvgAnnotationTime">Total time / annotation events with such a duration, ms; 0 over nothing.</param>
/// <param name="LastActivity">The latest time an annotation event occurred.</param>
public sealed record ProjectStatistics(string ProjectId, long TotalAnnotations, double TotalTime, double AvgAnnotationTime, DateTime LastActivity);

/// <param name="Known">Whether any event of this user was ever stored.</param>
public sealed record UserStatistics(string UserId, bool Known, long TotalAnnotations, double TotalTime, double AvgAnnotationTime, int ProjectsCount,
    IReadOnlyList<ProjectStatistics> Projects);

static class UserStatisticsEndpoint
{
    public static void MapStatistics(this IEndpointRouteBuilder api) =>
        api.MapGet("events/stats/{user_id}", GetAsync).WithName("GetUserStatistics").WithSummary("Annotation figures of one user")
            .AddEndpointFilter(StoreFilter.InvokeAsync).Produces<UserStatistics>().ProducesProblems(400, 503);

    static async Task<Results<JsonHttpResult<UserStatistics>, Problem>> GetAsync([FromRoute(Name = "user_id")] string userId, string? from, string? to,
        [FromQuery(Name = "project_id")] string? projectId, HttpContext http, StatsReader stats)
    {
        userId = LastSegment(http) ?? userId;
        if (!EnvelopeText.IsKey(userId) || (projectId is not null && !EnvelopeText.IsKey(projectId)))
            return new Problem(400, "invalid_id", "Ids have 1 to 128 characters without control characters.");
        if (Window(from, "from", out var fromTime) is { } wrongFrom)
            return wrongFrom;
        if (Window(to, "to", out var toTime) is { } wrongTo)
            return wrongTo;
        var figures = await stats.UserAsync(Topics.DefaultTenant, userId, fromTime, toTime, projectId, http.RequestAborted);
        return TypedResults.Json(Of(userId, figures), BatchAnswer.Json);
    }

    /// <summary>The server leaves %2F in a path as it is, where it cannot be told from %252F; ids may hold slashes.</summary>
    static string? LastSegment(HttpContext http)
    {
        var target = http.Features.Get<IHttpRequestFeature>()?.RawTarget.Split('?')[0].TrimEnd('/');
        return target?.Contains("%2F", StringComparison.OrdinalIgnoreCase) == true ? Uri.UnescapeDataString(target[(target.LastIndexOf('/') + 1)..]) : null;
    }

    static UserStatistics Of(string userId, UserFigures figures)
    {
        var projects = figures.Projects;
        double total = projects.Sum(p => p.TotalTimeMs);
        var durations = projects.Sum(p => p.Durations);
        return new UserStatistics(userId, figures.Known, projects.Sum(p => p.TotalAnnotations), total, Mean(total, durations), projects.Count,
            [.. projects.Select(p => new ProjectStatistics(p.ProjectId, p.TotalAnnotations, p.TotalTimeMs, Mean(p.TotalTimeMs, p.Durations), p.LastActivity))]);
    }

    static double Mean(double sum, long count) => count == 0 ? 0 : sum / count;

    /// <summary>Windows are cut at multiples of 15 minutes, because that is how the aggregates are kept.</summary>
    static Problem? Window(string? text, string name, out DateTime? time)
    {
        const long bucketUs = 15 * 60 * Rfc3339.MicrosecondsPerSecond;
        time = null;
        if (text is null)
            return null;
        if (!QueryTime.TryRead(text, out var us))
            return QueryTime.Invalid(name);
        var nearest = Math.Min((long)Math.Round(us / (double)bucketUs) * bucketUs, QueryTime.CalendarEndUs - bucketUs);
        if (nearest != us)
            return new Problem(400, "unaligned_time", string.Create(CultureInfo.InvariantCulture, $"{name} must be a multiple of 15 minutes; the nearest is {QueryTime.OfUnix(nearest):yyyy-MM-ddTHH:mm:ssZ}."));
        time = QueryTime.OfUnix(us);
        return null;
    }
}
