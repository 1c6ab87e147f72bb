using System.Text.Json;

namespace Pipeline.Oracle;

/// <summary>
/// Every figure of a level and a window, exactly. Each property is a JSON name of docs/metrics.md in Pascal case; the defaults are what stands over nothing.
/// Null: over nothing, or not offered with a filter by tool or annotation type.
/// </summary>
public sealed record Figures
{
    public long? ActiveTimeS { get; init; } = 0;
    public long? SessionTimeS { get; init; } = 0;
    public long? Sessions { get; init; } = 0;
    public long? IdleTimeS { get; init; } = 0;
    public decimal? IdleRatio { get; init; } = 0;
    public long? ActiveUsers { get; init; } = 0;

    public long TotalAnnotations { get; init; }
    public decimal TotalTime { get; init; }
    public decimal AvgAnnotationTime { get; init; }
    public long AnnotationsCompleted { get; init; }
    public long NetAnnotations { get; init; }
    public decimal? AnnotationsPerHour { get; init; }
    public decimal? TimePerObjectP50Ms { get; init; }
    public decimal? TimePerObjectP90Ms { get; init; }
    public decimal? TimePerObjectMeanMs { get; init; }
    public decimal? SuccessRate { get; init; }
    public decimal? SaveSuccessRate { get; init; }
    public decimal? UndoRate { get; init; }
    public decimal? ReworkRate { get; init; }
    public decimal? AssistRate { get; init; }
    public decimal? AssistEditRate { get; init; }
    public decimal? FirstPassRate { get; init; }
    public long Items { get; init; }
    public decimal? ItemsPerHour { get; init; }
    public decimal? TimePerItemS { get; init; }

    public decimal? LoadP50Ms { get; init; }
    public decimal? LoadP95Ms { get; init; }
    public decimal? FrameSwitchP50Ms { get; init; }
    public decimal? FrameSwitchP95Ms { get; init; }
    public decimal? SaveP50Ms { get; init; }
    public decimal? SaveP95Ms { get; init; }
    public decimal? FpsP5 { get; init; }
    public decimal? FpsP50 { get; init; }
    public long Errors { get; init; }
    public decimal? ErrorsPerHour { get; init; }
    public long DurationOutliers { get; init; }
    public long Events { get; init; }

    /// <summary>By JSON name, in the order of docs/metrics.md.</summary>
    public IReadOnlyDictionary<string, decimal?> ByJsonName() => JsonNames.Of(this);

    /// <summary>A line for each figure that an answer of the product lacks or gives otherwise; see <see cref="JsonNames"/>.</summary>
    public IEnumerable<string> DifferencesTo(JsonElement answer) => JsonNames.Differences(ByJsonName(), answer);
}
