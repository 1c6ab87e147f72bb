using System.Collections.Concurrent;

namespace Pipeline.Processors.Failures;

/// <param name="Running">False while it waits to be tried again.</param>
/// <param name="Since">When that began.</param>
/// <param name="Restarts">How often it failed and was begun anew.</param>
public sealed record FailureWorkState(bool Running, DateTimeOffset Since, long Restarts, string? LastError);

/// <summary>How the work on failures fares, which runs beside the roads: the receiver of each queue, and the outbox. Shown in /health.</summary>
sealed class FailureWork(ProcessorMetrics metrics, TimeProvider clock)
{
    public const string Outbox = "outbox";

    readonly ConcurrentDictionary<string, FailureWorkState> _states = new(StringComparer.Ordinal);

    /// <summary>By the queue's name, or <see cref="Outbox"/>.</summary>
    public IReadOnlyDictionary<string, FailureWorkState> States => _states;

    public void Runs(string name) => _states.AddOrUpdate(name, _ => new FailureWorkState(true, clock.GetUtcNow(), 0, null),
        (_, state) => state.Running ? state : state with { Running = true, Since = clock.GetUtcNow() });

    public void Failed(string name, string error)
    {
        metrics.WorkRestarted(name);
        _states.AddOrUpdate(name, _ => new FailureWorkState(false, clock.GetUtcNow(), 1, error),
            (_, state) => new FailureWorkState(false, state.Running ? clock.GetUtcNow() : state.Since, state.Restarts + 1, error));
    }
}
