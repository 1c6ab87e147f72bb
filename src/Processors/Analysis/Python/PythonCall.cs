using System.Text.Json;

namespace Pipeline.Processors.Analysis.Python;

/// <summary>A named series; the name is null for plain values.</summary>
readonly record struct PythonColumn(string? Name, ReadOnlyMemory<double> Values);

/// <summary>One execution of an algorithm.</summary>
sealed class PythonCall
{
    public required string Algorithm { get; init; }

    /// <summary>A JSON object; nothing where none is given.</summary>
    public JsonElement Parameters { get; init; }

    /// <summary>Plain values are one column without a name.</summary>
    public IReadOnlyList<PythonColumn> Columns { get; init; } = [];

    public IReadOnlyList<string>? Texts { get; init; }

    /// <summary>From the beginning of the call until it has its answer, waiting for a worker included.</summary>
    public required TimeSpan Deadline { get; init; }

    public long ArrayBytes => Columns.Sum(c => 8L * c.Values.Length);

    public static PythonCall Of(string algorithm, ReadOnlyMemory<double> values, TimeSpan deadline, string parameters = "{}") => new()
    {
        Algorithm = algorithm,
        Columns = [new PythonColumn(null, values)],
        Parameters = JsonDocument.Parse(parameters).RootElement,
        Deadline = deadline,
    };
}

enum PythonErrorCode
{
    /// <summary>No algorithm has this name; the message has near ones.</summary>
    UnknownAlgorithm,

    /// <summary>A parameter is refused; <see cref="PythonError.Path"/> says which.</summary>
    InvalidParameters,

    /// <summary>The numbers or texts cannot be analysed.</summary>
    InvalidInput,

    /// <summary>More than a call may bring.</summary>
    InputTooLarge,

    /// <summary>More than a result may hold.</summary>
    ResultTooLarge,

    /// <summary>The algorithm threw.</summary>
    AlgorithmFailed,

    /// <summary>Deadline passed: by the alarm in the worker, else by killing it.</summary>
    Timeout,
    MemoryLimit,

    /// <summary>The worker ended in the middle of the call.</summary>
    Crashed,

    /// <summary>Processes that the algorithm started outlived its call.</summary>
    LeftProcesses,

    /// <summary>What came over the worker's socket was no answer.</summary>
    ProtocolError,

    /// <summary>As many calls wait as may, or no worker came free in time.</summary>
    Busy,

    /// <summary>There is no Python here, or not at the moment; the message says why.</summary>
    Unavailable,
    Cancelled,

    /// <summary>The algorithm's file was changed while the call was on its way. Callers of the engine never see it: the call is repeated.</summary>
    Changed,
}

/// <summary>Why there is no result.</summary>
sealed record PythonError(PythonErrorCode Code, string Message)
{
    /// <summary>JSON pointer of the parameter at fault.</summary>
    public string? Path { get; init; }

    /// <summary>The end of the algorithm's traceback.</summary>
    public string? Trace { get; init; }

    /// <summary>The end of what a worker that died had printed, at most 4 KiB.</summary>
    public string? Output { get; init; }

    /// <summary>The signal that ended the worker.</summary>
    public int? Signal { get; init; }

    public int? ExitCode { get; init; }
}

/// <summary>An array of a result: one or two dimensions, row by row.</summary>
sealed record PythonArray(int[] Shape, double[] Values);

/// <summary>A result: JSON, in which <c>{"$array": i}</c> stands for <c>Arrays[i]</c>.</summary>
sealed record PythonResult(JsonElement Json, IReadOnlyList<PythonArray> Arrays);

/// <summary>How a call ended: with a result or with an error.</summary>
sealed record PythonOutcome(PythonResult? Result, PythonError? Error)
{
    /// <summary>The version of the algorithm that ran.</summary>
    public string? Version { get; init; }

    /// <summary>The worker's process, where one was involved.</summary>
    public int? Worker { get; init; }

    /// <summary>What the worker measured: the algorithm's own time, reading its arrays and packing its result included.</summary>
    public TimeSpan Elapsed { get; init; }

    public static PythonOutcome Failed(PythonErrorCode code, string message) => new(null, new PythonError(code, message));
}
