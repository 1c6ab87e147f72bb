using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Pipeline.Ingest.Events;
using Pipeline.Sinks.Metrics;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest.Statistics.Analysis;

/// <summary>Answers about one user that are made of the metrics alone. Every figure is defined in the answer; nothing is scored without its formula.</summary>
static class AnalysisEndpoints
{
    static readonly MetricDefinition
        MeanSession = new("mean_session_s", "Mean length of sessions.", "session_time_s / sessions", "s", null, true),
        ActiveDays = new("active_days", "Days of the zone with active time.", null, "count", 0, true);

    static readonly IReadOnlyList<MetricDefinition>
        OfBehavior = [.. MetricDefinitions.Of("active_time_s", "session_time_s", "idle_ratio", "sessions", "total_annotations", "annotations_completed"), MeanSession, ActiveDays],
        OfPatterns = MetricDefinitions.Of("events", "annotations_completed", "time_per_object_p50_ms", "time_per_object_mean_ms", "success_rate", "save_success_rate", "undo_rate"),
        OfTrends = MetricDefinitions.Of("annotations_per_hour", "time_per_object_p50_ms", "success_rate", "rework_rate"),
        OfRules = MetricDefinitions.Of(Rule.All.Select(r => r.Metric).Distinct());

    static readonly string[] Weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

    public static void Map(IEndpointRouteBuilder api)
    {
        var analysis = api.MapGroup("events/analysis").AddEndpointFilter(StoreFilter.InvokeAsync);
        analysis.MapGet("user-behavior/{user_id}", BehaviorAsync).WithName("AnalyzeUserBehavior").WithSummary("When a user works: hours, weekdays, sessions").Produces<UserBehavior>().ProducesProblems(400, 503);
        analysis.MapGet("operation-patterns/{user_id}", PatternsAsync).WithName("AnalyzeOperationPatterns").WithSummary("How a user works, by tool and by annotation type").Produces<OperationPatterns>().ProducesProblems(400, 503);
        analysis.MapGet("efficiency-trends/{user_id}", TrendsAsync).WithName("AnalyzeEfficiencyTrends").WithSummary("Where a user's figures go, by day or week").Produces<EfficiencyTrends>().ProducesProblems(400, 503);
        analysis.MapGet("comparison/{user_id}", ComparisonAsync).WithName("CompareUser").WithSummary("A user against the members of projects").Produces<UserComparison>().ProducesProblems(400, 503);
        analysis.MapGet("recommendations/{user_id}", RecommendationsAsync).WithName("RecommendToUser").WithSummary("Rules that fire on a user's figures, and those that do not").Produces<Recommendations>().ProducesProblems(400, 503);
    }

    static async Task<Results<JsonHttpResult<UserBehavior>, Problem>> BehaviorAsync([FromRoute(Name = "user_id")] string userId, [AsParameters] ZonedAnalysisQuery asked, HttpContext http, MetricsReader metrics, RhythmReader rhythms)
    {
        userId = StatisticsEndpoints.LastSegment(http) ?? userId;
        if (asked.Read(userId, out var query) is { } problem)
            return problem;
        if (StatisticsQuery.ReadZone(asked.Zone, out var zone) is { } wrongZone)
            return wrongZone;
        var answer = await metrics.ReadAsync(query, http.RequestAborted);
        var rhythm = await rhythms.ReadAsync(query, zone, http.RequestAborted);
        var figures = answer.Figures();
        return Json(new UserBehavior(About(query, answer.Known, OfBehavior), asked.Zone ?? "UTC", figures.ActiveTimeS!.Value, figures.SessionTimeS!.Value, figures.IdleRatio!.Value, figures.Sessions!.Value,
            figures.Sessions > 0 ? figures.SessionTimeS / figures.Sessions : null, rhythm.ActiveDays,
            [.. rhythm.Hours.Select((h, i) => new HourOfDay(i, h.ActiveSlots * ActiveTime.SlotSeconds, h.Annotations, h.Completed))],
            [.. rhythm.Weekdays.Select((d, i) => new DayOfWeekWork(Weekdays[i], d.ActiveSlots * ActiveTime.SlotSeconds, d.Annotations, d.Completed))]));
    }

    static async Task<Results<JsonHttpResult<OperationPatterns>, Problem>> PatternsAsync([FromRoute(Name = "user_id")] string userId, [AsParameters] AnalysisQuery asked, HttpContext http, MetricsReader metrics)
    {
        userId = StatisticsEndpoints.LastSegment(http) ?? userId;
        if (asked.Read(userId, out var query) is { } problem)
            return problem;
        var tools = await metrics.ReadAsync(query with { Split = MetricsSplit.Tool }, http.RequestAborted);
        var types = await metrics.ReadAsync(query with { Split = MetricsSplit.AnnotationType }, http.RequestAborted);
        // Events of other kinds have no annotation type.
        return Json(new OperationPatterns(About(query, tools.Known, OfPatterns), PatternsOf(tools, _ => true), PatternsOf(types, name => name.Length > 0)));
    }

    static async Task<Results<JsonHttpResult<EfficiencyTrends>, Problem>> TrendsAsync([FromRoute(Name = "user_id")] string userId, [AsParameters] TrendQuery asked, HttpContext http, MetricsReader metrics)
    {
        userId = StatisticsEndpoints.LastSegment(http) ?? userId;
        if (asked.ReadBuckets(userId, out var query) is { } problem)
            return problem;
        var answer = await metrics.ReadAsync(query, http.RequestAborted);
        var buckets = Enumerable.Range(0, query.Edges.Count - 1).Select(i => answer.FiguresAt("", i)).ToList();
        return Json(new EfficiencyTrends(About(query, answer.Known, OfTrends), asked.Bucket ?? "day", asked.Zone ?? "UTC",
            "Theil–Sen (Theil 1950, Sen 1968): median over all i < j of (value_j − value_i) / (j − i), change for each bucket; buckets without a value are left out",
            [.. OfTrends.Select(metric => TrendOf(metric, buckets))],
            [.. buckets.Select((f, i) => new TrendPoint(query.Edges[i], query.Edges[i + 1], f.AnnotationsPerHour, f.TimePerObjectP50Ms, f.SuccessRate, f.ReworkRate))]));
    }

    static async Task<Results<JsonHttpResult<UserComparison>, Problem>> ComparisonAsync([FromRoute(Name = "user_id")] string userId, [AsParameters] AnalysisQuery asked, HttpContext http, MemberReader members, MemberFigures figures)
    {
        userId = StatisticsEndpoints.LastSegment(http) ?? userId;
        if (asked.Read(userId, out var query) is { } problem)
            return problem;
        var mine = await members.ReadAsync(query.Tenant, null, userId, null, Comparison.ProjectsMax + 1, http.RequestAborted);
        var projects = query.ProjectId is null ? [.. mine.Take(Comparison.ProjectsMax).Select(m => m.ProjectId)] : (List<string>)[query.ProjectId];
        var compared = new List<ProjectComparison>();
        foreach (var project in projects)
        {
            var comparison = new Comparison(userId);
            await foreach (var page in figures.PagesAsync(query with { UserId = null, ProjectId = project }, http.RequestAborted))
                foreach (var row in page)
                    comparison.Add(row);
            compared.Add(comparison.Of(project));
        }
        return Json(new UserComparison(About(query, mine.Count > 0, MetricDefinitions.InForce.Metrics), "R-7 (Hyndman and Fan 1996) of the members' values",
            "100 × (members below + half of the members equal, the user among them) / members compared", compared, query.ProjectId is null && mine.Count > Comparison.ProjectsMax));
    }

    static async Task<Results<JsonHttpResult<Recommendations>, Problem>> RecommendationsAsync([FromRoute(Name = "user_id")] string userId, [AsParameters] AnalysisQuery asked, HttpContext http, MetricsReader metrics)
    {
        userId = StatisticsEndpoints.LastSegment(http) ?? userId;
        if (asked.Read(userId, out var query) is { } problem)
            return problem;
        var answer = await metrics.ReadAsync(query, http.RequestAborted);
        var figures = answer.Figures();
        var rules = Rule.All.Select(r => r.Apply(figures)).ToLookup(r => r.Fires);
        return Json(new Recommendations(About(query, answer.Known, OfRules), [.. rules[true]], [.. rules[false]]));
    }

    static List<OperationPattern> PatternsOf(MetricsAnswer answer, Func<string, bool> wanted) =>
    [
        .. from part in answer.Parts.Where(wanted).Order(StringComparer.Ordinal)
           let f = answer.FiguresAt(part, 0)
           where f.Events > 0
           select new OperationPattern(part.Length == 0 ? null : part, f.Events, f.AnnotationsCompleted, f.TimePerObjectP50Ms, f.TimePerObjectMeanMs, f.SuccessRate, f.SaveSuccessRate, f.UndoRate),
    ];

    static Trend TrendOf(MetricDefinition metric, List<Figures> buckets)
    {
        var values = buckets.ConvertAll(MetricColumn.Find(metric.Name)!.Of);
        return new Trend(metric.Name, $"{metric.Unit} for each bucket", RobustTrend.Slope(values), values.Count(v => v is not null));
    }

    static AnalysisAnswer About(MetricsQuery query, bool known, IReadOnlyList<MetricDefinition> definitions) =>
        new(query.UserId!, known, query.ProjectId, AskedWindow.Of(query), query.GapSeconds, definitions);

    static JsonHttpResult<T> Json<T>(T answer) => TypedResults.Json(answer, BatchAnswer.Json);
}
