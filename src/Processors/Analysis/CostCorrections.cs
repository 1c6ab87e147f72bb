using System.Collections.Concurrent;

namespace Pipeline.Processors.Analysis;

/// <summary>How long algorithms took beside their own estimates, on this machine: a factor for each, which follows the latest calls.</summary>
sealed class CostCorrections
{
    /// <summary>What one call moves the factor by, and how far it may go: one slow call on a busy machine must not make a long job of every later one.</summary>
    const double Weight = 0.1, Least = 0.1, Most = 100;

    /// <summary>Below it the clock, the cache and the thread pool are measured, and not the algorithm.</summary>
    static readonly TimeSpan Measurable = TimeSpan.FromMilliseconds(1);

    readonly ConcurrentDictionary<string, double> _factors = new(StringComparer.Ordinal);

    public double Correction(string algorithm) => _factors.GetValueOrDefault(algorithm, 1);

    public void Note(string algorithm, TimeSpan estimated, TimeSpan took)
    {
        if (took < Measurable || estimated <= TimeSpan.Zero)
            return;
        var seen = Math.Clamp(took / estimated, Least, Most);
        _factors.AddOrUpdate(algorithm, _ => 1 + (Weight * (seen - 1)), (_, factor) => factor + (Weight * (seen - factor)));
    }
}
