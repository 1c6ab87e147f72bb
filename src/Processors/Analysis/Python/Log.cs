namespace Pipeline.Processors.Analysis.Python;

static partial class Log
{
    [LoggerMessage(60, LogLevel.Information, "Python {Version} ({Interpreter}): {Libraries}; workers: {Isolation}")]
    public static partial void PythonReady(this ILogger log, string version, string interpreter, string libraries, string isolation);

    [LoggerMessage(61, LogLevel.Warning, "Python algorithms do not run: {Reason}")]
    public static partial void PythonUnavailable(this ILogger log, string reason);

    [LoggerMessage(62, LogLevel.Warning, "Python's zygote ended, starting another in {Seconds} s: {Reason}")]
    public static partial void ZygoteEnded(this ILogger log, double seconds, string reason);

    [LoggerMessage(63, LogLevel.Warning, "No Python worker was forked, trying again: {Reason}")]
    public static partial void NoWorkerForked(this ILogger log, string reason);

    [LoggerMessage(64, LogLevel.Warning, "Python algorithms in {File} were not taken: {Reason}")]
    public static partial void AlgorithmsRefused(this ILogger log, string file, string reason);

    [LoggerMessage(65, LogLevel.Information, "Python algorithms in {File}: {Names}")]
    public static partial void AlgorithmsFound(this ILogger log, string file, string names);
}
