using System.Diagnostics;

namespace Pipeline.DevTool.Simulation.Sending;

/// <summary>
/// An open loop: the n-th event is due at n / speed, whatever became of those before it. Without a speed everything is due at once.
/// </summary>
sealed class Pace(double? eventsPerSecond)
{
    readonly long _started = Stopwatch.GetTimestamp();

    public double? EventsPerSecond => eventsPerSecond;

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_started);

    /// <param name="events">How many came before.</param>
    public Task Due(long events, CancellationToken stop) =>
        eventsPerSecond is { } speed && TimeSpan.FromSeconds(events / speed) - Elapsed is { TotalMilliseconds: >= 1 } early
            ? Task.Delay(early, TimeProvider.System, stop) : Task.CompletedTask;
}
