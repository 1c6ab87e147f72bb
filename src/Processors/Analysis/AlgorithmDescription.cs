using System.Text.Json;
using System.Text.Json.Serialization;

namespace Pipeline.Processors.Analysis;

/// <summary>An algorithm as <c>GET algorithms</c> lists it.</summary>
/// <param name="Parameters">JSON Schema of its parameters.</param>
/// <param name="Reads">Which inputs it takes: values, columns, texts; none where the parameters hold everything.</param>
/// <param name="Summary">One sentence.</param>
/// <param name="Source">The published definition that it follows. A Python file need not say.</param>
/// <param name="Complexity">How its time grows, as it is really computed; n is the number of values, rows or texts.</param>
sealed record AlgorithmDescription(
    string Name, string Version, JsonElement Parameters, AlgorithmCost Cost, string[] Reads, string Summary,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Source = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Complexity = null);

/// <summary>A guess at what a call of n values takes: <c>fixed_ms + per_value_us × n / 1000</c> milliseconds.</summary>
sealed record AlgorithmCost(double FixedMs, double PerValueUs)
{
    public TimeSpan Of(long values) => TimeSpan.FromMilliseconds(Math.Clamp(FixedMs + (PerValueUs * values / 1000), 0, MostMs));

    /// <summary>A year: whoever guesses more has not guessed.</summary>
    const double MostMs = 365 * 86_400e3;
}
