using System.Text.Json;

namespace Pipeline.Processors.Analysis;

/// <summary>An algorithm as <c>GET algorithms</c> lists it.</summary>
/// <param name="Parameters">JSON Schema of its parameters.</param>
/// <param name="Reads">Which inputs it takes: values, columns, texts; none where the parameters hold everything.</param>
/// <param name="Summary">One sentence.</param>
sealed record AlgorithmDescription(string Name, string Version, JsonElement Parameters, AlgorithmCost Cost, string[] Reads, string Summary);

/// <summary>A guess at what a call of n values takes: <c>fixed_ms + per_value_us × n / 1000</c> milliseconds.</summary>
sealed record AlgorithmCost(double FixedMs, double PerValueUs)
{
    public TimeSpan Of(long values) => TimeSpan.FromMilliseconds(Math.Clamp(FixedMs + (PerValueUs * values / 1000), 0, MostMs));

    /// <summary>A year: whoever guesses more has not guessed.</summary>
    const double MostMs = 365 * 86_400e3;
}
