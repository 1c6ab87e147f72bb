using System.Globalization;
using System.Text.Json;

namespace Pipeline.Oracle;

/// <summary>Figures under the names of docs/metrics.md, and how near an answer has to come: percentiles to 1 %, everything else as near as float64 sums allow.</summary>
static class JsonNames
{
    const double PercentileTolerance = 0.01, FloatTolerance = 1e-9;

    public static IReadOnlyDictionary<string, decimal?> Of(object figures) => figures.GetType().GetProperties().ToDictionary(
        p => JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Name),
        p => p.GetValue(figures) is { } value ? Convert.ToDecimal(value, CultureInfo.InvariantCulture) : (decimal?)null);

    public static IEnumerable<string> Differences(IReadOnlyDictionary<string, decimal?> figures, JsonElement answer)
    {
        foreach (var (name, figure) in figures)
            if (!answer.TryGetProperty(name, out var value))
                yield return $"{name}: {Text(figure)} expected, not there";
            else if (!Agree(name, figure, value))
                yield return $"{name}: {Text(figure)} expected, {value.GetRawText()} given";
    }

    static bool Agree(string name, decimal? figure, JsonElement value)
    {
        if (figure is null || value.ValueKind != JsonValueKind.Number)
            return figure is null && value.ValueKind == JsonValueKind.Null;
        var (expected, given) = ((double)figure.Value, value.GetDouble());
        return Math.Abs(given - expected) <= (Math.Abs(expected) * (IsPercentile(name) ? PercentileTolerance : 0)) + (FloatTolerance * Math.Max(1, Math.Abs(expected)));
    }

    static bool IsPercentile(string name) => name.Contains("_p5", StringComparison.Ordinal) || name.Contains("_p9", StringComparison.Ordinal);

    static string Text(decimal? figure) => figure?.ToString(CultureInfo.InvariantCulture) ?? "null";
}
