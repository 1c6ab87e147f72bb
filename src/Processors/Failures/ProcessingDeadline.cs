using System.Diagnostics;

namespace Pipeline.Processors.Failures;

/// <summary>
/// Bounds how long records may be read and computed on. Code that does not come back cannot be cancelled, so the process ends, and the next
/// owner of the log finds the record by <see cref="PoisonGuard"/>. Waiting for a store is not bounded here. The time is counted in parts that pass one after the
/// other: a process that was stopped, or its machine suspended, meets one of them when it goes on and not the end of all.
/// </summary>
sealed class ProcessingDeadline(TimeSpan max, TimeProvider clock, Action<string>? end = null)
{
    const int Parts = 10;

    readonly Action<string> _end = end ?? EndProcess;

    /// <summary>Ends the process unless what this returns is disposed in time.</summary>
    public ITimer Start(string what)
    {
        var left = Parts;
        ITimer? timer = null;
        timer = clock.CreateTimer(_ =>
        {
            if (--left == 0)
                _end($"{what}: not processed within {max.TotalSeconds} s");
            else
                timer!.Change(max / Parts, Timeout.InfiniteTimeSpan);
        }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        timer.Change(max / Parts, Timeout.InfiniteTimeSpan);
        return timer;
    }

    /// <summary>
    /// At once and by no orderly way: what would be released in order would not count as vanished. Written to the console, because the
    /// log's own thread would not come to it.
    /// </summary>
    public static void EndProcess(string why)
    {
        Console.Error.WriteLine($"pipeline: the process ends now. {why}");
        Process.GetCurrentProcess().Kill();
    }
}
