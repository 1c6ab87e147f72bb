using System.ComponentModel;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Pipeline.Ingest.Events;
using Pipeline.Ingest.Statistics.Analysis;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest.Statistics;

static class StatisticsEndpoints
{
    public static void MapStatistics(this IEndpointRouteBuilder api)
    {
        MetricDefinitions.Map(api);
        api.MapGet("events/stats/{user_id}", UserAsync).WithName("GetUserStatistics").WithSummary("The metrics of one user")
            .AddEndpointFilter(StoreFilter.InvokeAsync).Produces<UserStatistics>().ProducesProblems(400, 503);
        api.MapGet("stats/projects/{project_id}", ProjectAsync).WithName("GetProjectStatistics").WithSummary("The metrics of one project")
            .AddEndpointFilter(StoreFilter.InvokeAsync).Produces<ProjectStatistics>().ProducesProblems(400, 503);
        TeamEndpoints.Map(api);
        ExportEndpoint.Map(api);
        QualityEndpoint.Map(api);
        RawStatisticsEndpoint.Map(api);
        AnalysisEndpoints.Map(api);
    }

    static async Task<Results<JsonHttpResult<UserStatistics>, Problem>> UserAsync([FromRoute(Name = "user_id")] string userId, [FromQuery(Name = "project_id"), Description("In this project alone.")] string? projectId,
        [AsParameters] StatisticsQuery asked, HttpContext http, MetricsReader metrics)
    {
        userId = LastSegment(http) ?? userId;
        if (asked.Read(userId, projectId, out var query) is { } problem)
            return problem;
        var answer = await metrics.ReadAsync(query with { Split = MetricsSplit.Project }, http.RequestAborted);
        var projects = answer.Parts.Where(p => p.Length > 0).Order(StringComparer.Ordinal).Select(p => OfUser(p, answer)).OfType<ProjectOfUser>().ToList();
        return TypedResults.Json(new UserStatistics(userId, answer.Known, projects.Count, projects, answer.Figures()) { Series = StatisticsAnswer.SeriesOf(asked, query, answer) }, BatchAnswer.Json);
    }

    /// <returns>Null for a project without an annotation event in the window.</returns>
    static ProjectOfUser? OfUser(string project, MetricsAnswer answer)
    {
        var work = answer.OfPart(project);
        var figures = Sinks.Metrics.Figures.Of(work, null);
        return work.Annotations == 0 ? null : new ProjectOfUser(project, figures.TotalAnnotations, figures.TotalTime, figures.AvgAnnotationTime, work.LastAnnotation!.Value);
    }

    static async Task<Results<JsonHttpResult<ProjectStatistics>, Problem>> ProjectAsync([FromRoute(Name = "project_id")] string projectId, [AsParameters] StatisticsQuery asked, HttpContext http, MetricsReader metrics)
    {
        projectId = LastSegment(http) ?? projectId;
        if (asked.Read(null, projectId, out var query) is { } problem)
            return problem;
        var answer = await metrics.ReadAsync(query, http.RequestAborted);
        return TypedResults.Json(new ProjectStatistics(projectId, answer.Known, answer.Whole.LastAnnotation, answer.Figures()) { Series = StatisticsAnswer.SeriesOf(asked, query, answer) }, BatchAnswer.Json);
    }

    /// <summary>The server leaves %2F in a path as it is, where it cannot be told from %252F; ids may hold slashes.</summary>
    /// <param name="behind">Segments of the path behind the id.</param>
    internal static string? LastSegment(HttpContext http, int behind = 0)
    {
        var target = http.Features.Get<IHttpRequestFeature>()?.RawTarget.Split('?')[0].TrimEnd('/');
        return target?.Contains("%2F", StringComparison.OrdinalIgnoreCase) == true ? Uri.UnescapeDataString(target.Split('/')[^(1 + behind)]) : null;
    }
}
