using System.Runtime.InteropServices;

namespace Pipeline.Sinks.Hosting;

/// <summary>
/// Ends the process where its stop does not: at the second signal at once, and when the stop has taken all the time there is for it. The
/// platform's own lifetime sees the first signal only. Lives outside the container, so that it outlasts whatever hangs in there.
/// </summary>
sealed class LastWord : IDisposable
{
    readonly TimeProvider _clock;
    readonly TimeSpan _most;
    readonly List<PosixSignalRegistration> _signals;
    int _seen;
    ITimer? _deadline;

    public LastWord(TimeSpan most, TimeProvider clock, CancellationToken stopping)
    {
        (_most, _clock) = (most, clock);
        _signals = [Register(PosixSignal.SIGINT, 2), Register(PosixSignal.SIGTERM, 15)];
        stopping.Register(() => _deadline = _clock.CreateTimer(_ => End(1, $"the stop has taken more than {_most.TotalSeconds} s"), null, _most, Timeout.InfiniteTimeSpan));
    }

    /// <param name="number">As shells count it: PosixSignal's own values are negative.</param>
    PosixSignalRegistration Register(PosixSignal signal, int number) => PosixSignalRegistration.Create(signal, _ =>
    {
        // The first one is the platform's business: it begins the stop in order.
        if (Interlocked.Increment(ref _seen) > 1)
            End(128 + number, $"signal {number} came a second time");
    });

    /// <summary>Not through the log, whose queue nobody would empty any more.</summary>
    static void End(int code, string why)
    {
        Console.Error.WriteLine($"ended at once: {why}");
        Environment.Exit(code);
    }

    public void Dispose()
    {
        _deadline?.Dispose();
        _signals.ForEach(s => s.Dispose());
    }
}
