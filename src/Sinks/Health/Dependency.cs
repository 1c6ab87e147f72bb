using System.Diagnostics;

namespace Pipeline.Sinks.Health;

/// <summary>One thing a host works with, and how to ask whether it answers.</summary>
public sealed class Dependency(string name, TimeProvider clock, Func<CancellationToken, Task> ask)
{
    static readonly TimeSpan Timeout = TimeSpan.FromSeconds(3);

    public string Name => name;

    /// <summary>What the last question brought; null until the first one was answered.</summary>
    public DependencyState? State { get; private set; }

    public async Task AskAsync(CancellationToken stop)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        deadline.CancelAfter(Timeout);
        var started = clock.GetTimestamp();
        try
        {
            await ask(deadline.Token).WaitAsync(Timeout, clock, stop);
            State = new DependencyState(true, clock.GetElapsedTime(started).TotalMilliseconds, State?.LastError, State?.LastErrorAt);
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            State = new DependencyState(false, clock.GetElapsedTime(started).TotalMilliseconds, e.Message, clock.GetUtcNow());
        }
    }
}

/// <param name="LatencyMs">How long the last question took.</param>
/// <param name="LastError">The most recent failure, kept after recovery, so that an operator sees what happened.</param>
public sealed record DependencyState(bool Healthy, double LatencyMs, string? LastError, DateTimeOffset? LastErrorAt);
