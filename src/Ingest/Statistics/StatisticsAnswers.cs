using System.Diagnostics.CodeAnalysis;
using Pipeline.Sinks.Metrics;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest.Statistics;

/// <param name="TotalTime">Sum of the durations within [0, 30 min], ms.</param>
/// <param name="AvgAnnotationTime">Total time / annotation events with such a duration, ms; 0 over nothing.</param>
/// <param name="LastActivity">The latest time an annotation event occurred.</param>
public sealed record ProjectOfUser(string ProjectId, long TotalAnnotations, double TotalTime, double AvgAnnotationTime, DateTime LastActivity);

/// <summary>The metrics of a user, under the names of docs/metrics.md.</summary>
[method: SetsRequiredMembers]
public sealed record UserStatistics(string UserId, bool Known, int ProjectsCount, IReadOnlyList<ProjectOfUser> Projects, Figures Figures) : StatisticsAnswer(Figures);

/// <summary>The metrics of a project.</summary>
[method: SetsRequiredMembers]
public sealed record ProjectStatistics(string ProjectId, bool Known, DateTime? LastActivity, Figures Figures) : StatisticsAnswer(Figures);

/// <summary>The metrics of one stretch of time, from <see cref="Start"/> to <see cref="End"/>, exclusive.</summary>
[method: SetsRequiredMembers]
public sealed record BucketStatistics(DateTime Start, DateTime End, Figures Figures) : Figures(Figures)
{
    [System.Text.Json.Serialization.JsonIgnore]
    public Figures Figures { get; } = Figures;
}

/// <summary>Figures, and a series of them where buckets were asked for.</summary>
[method: SetsRequiredMembers]
public abstract record StatisticsAnswer(Figures Figures) : Figures(Figures)
{
    [System.Text.Json.Serialization.JsonIgnore]
    public Figures Figures { get; } = Figures;

    /// <summary>Absent where no bucket was asked for.</summary>
    [System.Text.Json.Serialization.JsonIgnore(Condition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<BucketStatistics>? Series { get; init; }

    internal static List<BucketStatistics>? SeriesOf(StatisticsQuery asked, MetricsQuery query, MetricsAnswer answer) => asked.Bucket is null ? null
        : [.. Enumerable.Range(0, query.Edges.Count - 1).Select(i => new BucketStatistics(query.Edges[i], query.Edges[i + 1], answer.Figures(i)))];
}
