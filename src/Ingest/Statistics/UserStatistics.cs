using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
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
            .Produces<ProblemDetails>(400, "application/problem+json").Produces<ProblemDetails>(503, "application/problem+json");

    static async Task<Results<JsonHttpResult<UserStatistics>, ProblemHttpResult>> GetAsync([FromRoute(Name = "user_id")] string userId, string? from, string? to,
        [FromQuery(Name = "project_id")] string? projectId, HttpContext http, StatsReader stats, IOptions<IngestOptions> options)
    {
        userId = LastSegment(http) ?? userId;
        if (!EnvelopeText.IsKey(userId) || (projectId is not null && !EnvelopeText.IsKey(projectId)))
            return Refused(new Problem(400, "invalid_id", "Ids have 1 to 128 characters without control characters."));
        if (Window(from, "from", out var fromTime) is { } wrongFrom)
            return Refused(wrongFrom);
        if (Window(to, "to", out var toTime) is { } wrongTo)
            return Refused(wrongTo);
        try
        {
            var figures = await stats.UserAsync(Topics.DefaultTenant, userId, fromTime, toTime, projectId, http.RequestAborted);
            return TypedResults.Json(Of(userId, figures), BatchAnswer.Json);
        }
        catch (Exception e) when (PostgresFaults.Classify(e) != StoreFault.Fatal || e is Npgsql.PostgresException)
        {
            http.Response.Headers.RetryAfter = ((int)Math.Ceiling(options.Value.RetryAfter.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
            return Refused(new Problem(503, "store_unavailable", "PostgreSQL does not answer now."));
        }
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

    /// <summary>Years 1 to 9999; an offset can say a little more.</summary>
    const long CalendarStartUs = -62_135_596_800_000_000, CalendarEndUs = 253_402_300_800_000_000;

    static double Mean(double sum, long count) => count == 0 ? 0 : sum / count;

    /// <summary>Windows are cut at multiples of 15 minutes, because that is how the aggregates are kept.</summary>
    static Problem? Window(string? text, string name, out DateTime? time)
    {
        const long bucketUs = 15 * 60 * Rfc3339.MicrosecondsPerSecond;
        time = null;
        if (text is null)
            return null;
        // A plus sign in a query arrives as a space where the client did not encode it.
        if (!Rfc3339.TryParse(Encoding.UTF8.GetBytes(text.Replace(' ', '+')), out var us) || us is < CalendarStartUs or >= CalendarEndUs)
            return new Problem(400, "invalid_time", $"{name} must be RFC 3339, like 2024-01-01T00:00:00Z.");
        var nearest = Math.Min((long)Math.Round(us / (double)bucketUs) * bucketUs, CalendarEndUs - bucketUs);
        if (nearest != us)
            return new Problem(400, "unaligned_time", string.Create(CultureInfo.InvariantCulture, $"{name} must be a multiple of 15 minutes; the nearest is {DateTime.UnixEpoch.AddTicks(nearest * 10):yyyy-MM-ddTHH:mm:ssZ}."));
        time = DateTime.UnixEpoch.AddTicks(us * 10);
        return null;
    }

    static ProblemHttpResult Refused(Problem problem) => TypedResults.Problem(problem.ToDetails());
}
