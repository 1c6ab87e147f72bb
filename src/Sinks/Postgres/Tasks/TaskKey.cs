using Pipeline.Contracts.Analysis;

namespace Pipeline.Sinks.Postgres.Tasks;

/// <summary>Which task: request ids are their tenant's own.</summary>
public readonly record struct TaskKey(string Tenant, string RequestId);

/// <param name="Digest">SHA-256 of the request's bytes.</param>
public sealed record NewTask(TaskKey Key, byte[] Digest, string Algorithm, AnalysisPriority Priority)
{
    /// <summary>The broker's time of its record, where it is known: its row, made anew because an erasure or its age took the first one, must not pass for a request that came after the erasure.</summary>
    public DateTimeOffset? LoggedAt { get; init; }
}

/// <summary>How a task ended.</summary>
/// <param name="State">Completed or abandoned.</param>
/// <param name="Result">A JSON object; null with an error.</param>
/// <param name="Metadata">A JSON object: how it was made.</param>
public sealed record TaskAnswer(TaskKey Key, TaskState State, string? Result, TaskError? Error, string? Metadata);

public sealed record TaskError(string Code, string Message, string Path);

static class TaskColumns
{
    /// <summary>Far more transitions than five attempts make; only a process that dies over the same record for ever comes here.</summary>
    const int StatesMax = 200;

    /// <summary>SET clauses that bring table <c>t</c> into these states one after the other; the last one is where it stays.</summary>
    public static string Enter(params string[] states) =>
        $"state = {states[^1]}, states = CASE WHEN cardinality(t.states) < {StatesMax} THEN {States(states)} ELSE t.states END, "
        + $"entered = CASE WHEN cardinality(t.states) < {StatesMax} THEN {Entered(states.Length)} ELSE t.entered END";

    /// <summary>The same for the last one, which is noted however many there were.</summary>
    public static string End(string state) => $"state = {state}, states = {States([state])}, entered = {Entered(1)}";

    static string States(string[] states) => $"t.states || ARRAY[{string.Join(", ", states)}]::smallint[]";

    static string Entered(int count) => $"t.entered || array_fill(clock_timestamp(), ARRAY[{count}])";

    public static string Number(TaskState state) => ((int)state).ToString(System.Globalization.CultureInfo.InvariantCulture);
}
