namespace Pipeline.Contracts.Analysis;

/// <summary>Why an analysis has no result. A closed list: the codes are in answers, dead letters and label values.</summary>
public enum AnalysisFaultCode : byte
{
    None = 0,
    MalformedRequest,
    InvalidRequest,
    UnknownAlgorithm,
    InvalidParameters,
    InvalidInput,
    TooFewValues,
    TooLarge,
    NotAllowed,
    Timeout,
    Cancelled,
    WorkerCrashed,
    MemoryLimit,
    AlgorithmFailed,
    Unavailable,
    Overloaded,
}

/// <summary>One fault of a request or an execution.</summary>
/// <param name="Path">JSON Pointer (RFC 6901) to what it is about; empty for the whole.</param>
/// <param name="Message">A sentence for people.</param>
public sealed record AnalysisFault(AnalysisFaultCode Reason, string Message, string Path = "")
{
    /// <summary>Whether the same request may succeed later. Everything else is the request's own fault.</summary>
    public bool IsTransient => Reason is AnalysisFaultCode.WorkerCrashed or AnalysisFaultCode.Unavailable or AnalysisFaultCode.Overloaded or AnalysisFaultCode.Timeout;

    public string Code => Reason switch
    {
        AnalysisFaultCode.MalformedRequest => "malformed_request",
        AnalysisFaultCode.InvalidRequest => "invalid_request",
        AnalysisFaultCode.UnknownAlgorithm => "unknown_algorithm",
        AnalysisFaultCode.InvalidParameters => "invalid_parameters",
        AnalysisFaultCode.InvalidInput => "invalid_input",
        AnalysisFaultCode.TooFewValues => "too_few_values",
        AnalysisFaultCode.TooLarge => "too_large",
        AnalysisFaultCode.NotAllowed => "not_allowed",
        AnalysisFaultCode.Timeout => "timeout",
        AnalysisFaultCode.Cancelled => "cancelled",
        AnalysisFaultCode.WorkerCrashed => "worker_crashed",
        AnalysisFaultCode.MemoryLimit => "memory_limit",
        AnalysisFaultCode.AlgorithmFailed => "algorithm_failed",
        AnalysisFaultCode.Unavailable => "unavailable",
        AnalysisFaultCode.Overloaded => "overloaded",
        _ => "none",
    };
}

/// <summary>A fault on its way up; caught where a request ends.</summary>
public sealed class AnalysisException(AnalysisFault fault) : Exception(fault.Message)
{
    public AnalysisFault Fault { get; } = fault;
}
