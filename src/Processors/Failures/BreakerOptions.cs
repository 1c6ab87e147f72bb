using System.ComponentModel.DataAnnotations;

namespace Pipeline.Processors.Failures;

/// <summary>When a circuit breaker opens and for how long; the same for every dependency. Section <c>Pipeline:Breakers</c>.</summary>
public sealed class BreakerOptions
{
    public const string Section = "Pipeline:Breakers";

    /// <summary>Share of failed calls within the window that opens it. Default 0.5.</summary>
    [Range(0.01, 1)]
    public double FailureRatio { get; set; } = 0.5;

    /// <summary>With fewer calls within the window it stays closed. Default 4.</summary>
    [Range(2, 10_000)]
    public int CallsMin { get; set; } = 4;

    /// <summary>The window. Default 5 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.5", "00:10:00")]
    public TimeSpan Window { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long it stays open before one call may try. Default 2 s: more spares the dependency, less resumes sooner.</summary>
    [Range(typeof(TimeSpan), "00:00:00.5", "00:10:00")]
    public TimeSpan OpenTime { get; set; } = TimeSpan.FromSeconds(2);
}
