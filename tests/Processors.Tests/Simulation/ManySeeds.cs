using System.Diagnostics;

namespace Pipeline.Processors.Tests.Simulation;

/// <summary>Runs seed after seed on every core, each core a world of its own, until one fails, the time is up or there were enough.</summary>
sealed class ManySeeds(int first, Bug bug = Bug.None)
{
    readonly Lock _sync = new();
    int _taken;

    public Coverage Coverage { get; } = new();

    public long Count { get; private set; }

    public long Steps { get; private set; }

    public long StepsLeast { get; private set; } = long.MaxValue;

    /// <summary>Of those that failed, the lowest.</summary>
    public RunResult? Failed { get; private set; }

    /// <param name="enough">Asked when the time is up; until it says so, the run goes on for up to four times as long, as on a busy machine.</param>
    public ManySeeds Run(TimeSpan time, int seedsMax, Func<Coverage, bool>? enough = null)
    {
        var watch = Stopwatch.StartNew();
        var threads = Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Thread(() => RunSome(watch, time, seedsMax, enough))).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        return this;
    }

    void RunSome(Stopwatch watch, TimeSpan time, int seedsMax, Func<Coverage, bool>? enough)
    {
        while (Failed is null && (watch.Elapsed < time || (watch.Elapsed < 4 * time && enough is not null && !IsEnough(enough))))
        {
            var taken = Interlocked.Increment(ref _taken) - 1;
            if (taken >= seedsMax)
                return;
            Add(Simulation.Run.Of(first + taken, bug));
        }
    }

    bool IsEnough(Func<Coverage, bool> enough)
    {
        lock (_sync)
            return enough(Coverage);
    }

    void Add(RunResult result)
    {
        lock (_sync)
        {
            Count++;
            Steps += result.Steps;
            StepsLeast = Math.Min(StepsLeast, result.Violation is null ? result.Steps : long.MaxValue);
            Coverage.Add(result.Coverage);
            if (result.Violation is not null && (Failed is null || result.Seed < Failed.Seed))
                Failed = result;
        }
    }
}
