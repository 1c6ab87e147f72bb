using Pipeline.Contracts.Analysis;

namespace Pipeline.Processors.Analysis;

/// <summary>How a result was made.</summary>
/// <param name="Engine"><c>native</c> or <c>python</c>.</param>
/// <param name="N">Values that were analysed.</param>
/// <param name="Worker">The Python worker's process.</param>
/// <param name="IsCached">It was computed for an earlier request.</param>
/// <param name="Attempts">Of a request that came by the topic: how often it was executed.</param>
sealed record AnalysisMetadata(string Engine, string AlgorithmVersion, TimeSpan Duration, long N, int? Worker = null, bool IsCached = false, int? Attempts = null)
{
    /// <summary>Of an input of stored events.</summary>
    public AnalysedEvents? Events { get; init; }
}

/// <summary>Whose events were analysed: an erasure finds a result by the users that stand here, in fields of their own.</summary>
/// <param name="Rows">What each value stands for: the begin of its bucket. Null where it is none.</param>
/// <param name="Users">The users that the values stand for. Null where they do not.</param>
/// <param name="UserId">The one user whose events were asked for.</param>
sealed record AnalysedEvents(IReadOnlyList<string>? Rows, IReadOnlyList<string>? Users, string? UserId)
{
    public IEnumerable<string> Texts => [.. Rows ?? [], .. Users ?? [], UserId ?? ""];
}

/// <summary>What came of a request: a result or a fault.</summary>
/// <param name="Result">A JSON object in UTF-8; empty with a fault. NaN and infinities are null in it.</param>
/// <param name="Metadata">Null where the request came to no algorithm.</param>
sealed record AnalysisOutcome(ReadOnlyMemory<byte> Result, AnalysisFault? Fault, AnalysisMetadata? Metadata)
{
    public static AnalysisOutcome Failed(AnalysisFaultCode code, string message, string path = "") => new(default, new AnalysisFault(code, message, path), null);
}

/// <summary>Whoever executes analyses: the engine of this process.</summary>
interface IAnalysisEngine
{
    /// <summary>Names and schemas of all that can be asked for, by name.</summary>
    IReadOnlyList<AlgorithmDescription> Algorithms { get; }

    /// <summary>Executes one request within its timeout. Never throws for what a request, an algorithm or a worker does.</summary>
    Task<AnalysisOutcome> ExecuteAsync(AnalysisRequest request, CancellationToken stop);
}
