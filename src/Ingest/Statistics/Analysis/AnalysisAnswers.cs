using System.Text.Json.Serialization;

namespace Pipeline.Ingest.Statistics.Analysis;

/// <summary>What every analysis says of itself.</summary>
/// <param name="Known">Whether any event of the user was ever stored.</param>
/// <param name="ProjectId">Null for all of the user's projects together.</param>
/// <param name="Definitions">Every figure of the answer: what it means, its formula and unit.</param>
/// <param name="Link">Where all metrics and the thresholds in force are defined.</param>
public record AnalysisAnswer(string UserId, bool Known, string? ProjectId, AskedWindow Window, int GapS, IReadOnlyList<MetricDefinition> Definitions, string Link = MetricDefinitions.Path);

public sealed record HourOfDay(int Hour, double ActiveTimeS, long TotalAnnotations, long AnnotationsCompleted);

public sealed record DayOfWeekWork(string Weekday, double ActiveTimeS, long TotalAnnotations, long AnnotationsCompleted);

/// <summary>When a user works, by the clocks of <see cref="Tz"/>.</summary>
public sealed record UserBehavior([property: JsonIgnore] AnalysisAnswer About, string Tz, double ActiveTimeS, double SessionTimeS, double IdleRatio, long Sessions, double? MeanSessionS, int ActiveDays,
    IReadOnlyList<HourOfDay> ByHour, IReadOnlyList<DayOfWeekWork> ByWeekday) : AnalysisAnswer(About);

/// <param name="Name">Null for events that name none.</param>
public sealed record OperationPattern(string? Name, long Events, long AnnotationsCompleted, double? TimePerObjectP50Ms, double? TimePerObjectMeanMs, double? SuccessRate, double? SaveSuccessRate, double? UndoRate);

/// <summary>How a user works, by what.</summary>
public sealed record OperationPatterns([property: JsonIgnore] AnalysisAnswer About, IReadOnlyList<OperationPattern> ByTool, IReadOnlyList<OperationPattern> ByAnnotationType) : AnalysisAnswer(About);

/// <param name="Slope">Change of the metric for each bucket; null with fewer than two values.</param>
/// <param name="Buckets">How many of them have a value.</param>
public sealed record Trend(string Metric, string Unit, double? Slope, int Buckets);

public sealed record TrendPoint(DateTime Start, DateTime End, double? AnnotationsPerHour, double? TimePerObjectP50Ms, double? SuccessRate, double? ReworkRate);

/// <summary>Where a user's figures go.</summary>
public sealed record EfficiencyTrends([property: JsonIgnore] AnalysisAnswer About, string Bucket, string Tz, string SlopeFormula, IReadOnlyList<Trend> Trends, IReadOnlyList<TrendPoint> Series) : AnalysisAnswer(About);

/// <param name="Value">Of the user, in this project alone.</param>
/// <param name="Compared">Members with a value, the user among them.</param>
/// <param name="PercentileRank">0 to 100; null without a value of the user's.</param>
public sealed record ComparedMetric(string Metric, string Unit, double? Value, int Compared, double? Q1, double? Median, double? Q3, double? PercentileRank);

/// <param name="Members">Those of whom anything happened in the window, the user among them if so.</param>
public sealed record ProjectComparison(string ProjectId, int Members, IReadOnlyList<ComparedMetric> Metrics);

/// <summary>A user against the members of projects.</summary>
/// <param name="MoreProjects">Whether the user is in more projects than an answer compares; ask for them by name.</param>
public sealed record UserComparison([property: JsonIgnore] AnalysisAnswer About, string QuartileFormula, string PercentileRankFormula, IReadOnlyList<ProjectComparison> Projects, bool MoreProjects) : AnalysisAnswer(About);

/// <summary>Rules that fire, and those that do not.</summary>
public sealed record Recommendations([property: JsonIgnore] AnalysisAnswer About, IReadOnlyList<AppliedRule> Fired, IReadOnlyList<AppliedRule> NotFired) : AnalysisAnswer(About);
