using System.Diagnostics;

namespace Pipeline.Processors.Failures;

/// <summary>
/// Bounds how long records may be read and computed on. Code that does not come back cannot be cancelled, so the process ends, and the next
/// owner of the log finds the record by <see cref="PoisonGuard"/>. Waiting for a store is not bounded here.
/// </summary>
sealed class ProcessingDeadline(TimeSpan max, TimeProvider clock)
{
    /// <summary>Ends the process unless what this returns is disposed in time.</summary>
    public ITimer Start(string what) => clock.CreateTimer(
        _ => EndProcess($"{what}: not processed within {max.TotalSeconds} s"), null, max, Timeout.InfiniteTimeSpan);

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
