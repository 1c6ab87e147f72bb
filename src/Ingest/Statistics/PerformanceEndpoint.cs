using System.ComponentModel;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Pipeline.Ingest.Events;
using Pipeline.Sinks.Influx;

namespace Pipeline.Ingest.Statistics;

/// <param name="TimeRange">As it was asked for: a range like 24h, or from/to.</param>
/// <param name="StepS">Each value is the mean over this many seconds from its time on.</param>
public sealed record ProjectPerformance(string ProjectId, string TimeRange, int StepS, PerformanceSeries Metrics);

/// <summary>How the tool performed for a project's users, from InfluxDB.</summary>
static class PerformanceEndpoint
{
    public static void MapPerformance(this IEndpointRouteBuilder api) =>
        api.MapGet("events/performance/{project_id}", GetAsync).WithName("GetProjectPerformance").WithSummary("Performance of one project over time, as means per step")
            .Produces<ProjectPerformance>().ProducesProblems(400, 501, 503);

    static async Task<Results<JsonHttpResult<ProjectPerformance>, Problem>> GetAsync([FromRoute(Name = "project_id")] string projectId,
        [Description("How far back from now: a whole number with m, h or d. Default 24h.")] string? range,
        [Description("Instead of range: from this time on, RFC 3339.")] string? from, [Description("With from: before this time. Default now.")] string? to,
        [FromQuery(Name = "user_id")] string? userId, string? tool, HttpContext http)
    {
        projectId = StatisticsEndpoints.LastSegment(http) ?? projectId;
        if (!new[] { projectId, userId, tool }.All(id => id is null || EnvelopeText.IsKey(id)))
            return new Problem(400, "invalid_id", "Ids and tools have 1 to 128 characters without control characters.");
        var services = http.RequestServices;
        if (SeriesWindow.Read(range, from, to, services.GetRequiredService<TimeProvider>().GetUtcNow().UtcDateTime, out var window) is { } wrong)
            return wrong;
        if (services.GetService<PerformanceReader>() is not { } performance)
            return new Problem(501, "influx_not_configured", "This server was given no InfluxDB, which performance is read from.");
        try
        {
            var query = new PerformanceQuery(projectId, window.From, window.To, window.Step) { UserId = userId, Tool = tool };
            var series = await performance.ReadAsync(query, http.RequestAborted);
            return TypedResults.Json(new ProjectPerformance(projectId, window.Text, (int)window.Step.TotalSeconds, series), BatchAnswer.Json);
        }
        catch (InfluxUnavailableException e)
        {
            services.GetRequiredService<ILogger<PerformanceReader>>().PerformanceNotRead(e.Message);
            return new Problem(503, "store_unavailable", "InfluxDB does not answer now.") { RetryAfter = services.GetRequiredService<IOptions<IngestOptions>>().Value.RetryAfter };
        }
    }
}
