using System.Text.Json;

namespace Pipeline.Contracts.Analysis;

/// <summary>Which of the three queues a long job waits in; the share of the workers is 8 : 3 : 1. The numbers are stored and never change.</summary>
public enum AnalysisPriority : byte
{
    High = 1,
    Normal = 2,
    Low = 3,
}

public static class AnalysisPriorities
{
    public static string Name(this AnalysisPriority priority) => priority switch
    {
        AnalysisPriority.High => "high",
        AnalysisPriority.Low => "low",
        _ => "normal",
    };

    public static bool TryParse(string? name, out AnalysisPriority priority)
    {
        priority = name switch { "high" => AnalysisPriority.High, "low" => AnalysisPriority.Low, _ => AnalysisPriority.Normal };
        return name is "high" or "normal" or "low";
    }
}

/// <summary>One computation over numbers, texts or stored events. Read by <see cref="AnalysisRequestReader"/>.</summary>
/// <param name="RequestId">1 to 128 characters; null where the sender gave none.</param>
/// <param name="Algorithm">As <c>GET algorithms</c> names it; whether it exists is the engine's to say.</param>
/// <param name="Parameters">An object; checked against the algorithm's schema by the engine. Null where there are none.</param>
/// <param name="Input">Null where the parameters hold everything, as those of <c>matrix_multiply</c> do.</param>
public sealed record AnalysisRequest(string? RequestId, string Algorithm, JsonElement? Parameters, AnalysisPriority Priority, AnalysisInput? Input, AnalysisOptions Options)
{
    /// <summary>Whose stored events it may read: never from the request's own bytes, but from who sent it.</summary>
    public string Tenant { get; init; } = Topics.DefaultTenant;
}

/// <param name="PreferNative">Where an algorithm exists natively and in Python, the native one runs. Default true.</param>
/// <param name="AllowPython">Whether a Python worker may run it. Default true.</param>
/// <param name="TimeoutMs">From the start of the attempt; 1 ms to 24 h. Default 30 s.</param>
/// <param name="IncludeMetadata">Whether the result says how it was made. Default false.</param>
public sealed record AnalysisOptions(bool PreferNative = true, bool AllowPython = true, int TimeoutMs = AnalysisLimits.TimeoutMsDefault, bool IncludeMetadata = false)
{
    public static AnalysisOptions Default { get; } = new();
}

/// <summary>What an algorithm works on: exactly one kind.</summary>
public abstract record AnalysisInput;

/// <summary>One series, shape (n).</summary>
public sealed record ValuesInput(ReadOnlyMemory<double> Values) : AnalysisInput;

/// <summary>Named columns in the sender's order, each of its own length: whether they must be equal is the algorithm's to say.</summary>
public sealed record ColumnsInput(IReadOnlyList<string> Names, IReadOnlyList<ReadOnlyMemory<double>> Columns) : AnalysisInput;

public sealed record TextsInput(IReadOnlyList<string> Texts) : AnalysisInput;

/// <summary>A metric of stored events as a series or as columns, so that forecasts, clusters and anomalies of real work need no export.</summary>
/// <param name="From">Null: open.</param>
public sealed record EventsInput(string Metric, string? ProjectId, string? UserId, DateTimeOffset? From, DateTimeOffset? To, string? Bucket) : AnalysisInput;

public static class AnalysisLimits
{
    public const int TimeoutMsDefault = 30_000, TimeoutMsMax = 24 * 3600 * 1000;

    /// <summary>Numbers of one request over JSON; whatever is larger comes as raw float64.</summary>
    public const int ValuesMax = 8 * 1024 * 1024;

    public const int ColumnsMax = 4096;

    public const int TextsMax = 100_000;

    /// <summary>Nesting levels of a request.</summary>
    public const int DepthMax = 64;

    public const int RequestIdCharactersMax = 128, AlgorithmCharactersMax = 128, MetricCharactersMax = 128;
}
