using System.Globalization;
using System.Text;
using System.Text.Json;
using Pipeline.Processors.Analysis;

namespace Pipeline.Benchmarks;

/// <summary>
/// The tables of <c>docs/algorithms.md</c>, one for each engine, between markers: what the algorithms say of themselves, and what was measured of them (<c>docs/algorithms-measured.json</c>).
/// The benchmark writes them, a test of Processors.Tests compares them.
/// </summary>
static class AlgorithmPage
{
    public static string PathIn(string repository) => Path.Combine(repository, "docs", "algorithms.md");

    public static string MeasuredIn(string repository) => Path.Combine(repository, "docs", "algorithms-measured.json");

    public static MeasuredAlgorithms Measured(string repository) => JsonSerializer.Deserialize<MeasuredAlgorithms>(File.ReadAllBytes(MeasuredIn(repository)), JsonSerializerOptions.Web)!;

    /// <summary>The page with this engine's table as it should be.</summary>
    public static string With(string page, string engine, IEnumerable<AlgorithmDescription> algorithms, MeasuredAlgorithms measured)
    {
        string begin = $"<!-- {engine}: written by ./dev bench algorithm-page -->\n", end = $"<!-- {engine} ends -->";
        var (from, to) = (page.IndexOf(begin, StringComparison.Ordinal), page.IndexOf(end, StringComparison.Ordinal));
        if (from < 0 || to < from)
            throw new InvalidOperationException($"The page lacks a line {begin.TrimEnd()}, or {end} behind it.");
        return page[..(from + begin.Length)] + Table(engine, algorithms, measured) + page[to..];
    }

    static string Table(string engine, IEnumerable<AlgorithmDescription> algorithms, MeasuredAlgorithms measured)
    {
        var table = new StringBuilder("| name | engine | parameters = default (choices) | definition | reads | source | complexity | takes (n) |\n| --- | --- | --- | --- | --- | --- | --- | --: |\n");
        foreach (var one in algorithms.OrderBy(a => a.Name, StringComparer.Ordinal))
        {
            var figure = measured.Algorithms.FirstOrDefault(m => m.Name == one.Name && m.Engine == engine);
            string[] cells = [$"`{one.Name}`", engine, Parameters(one.Parameters), one.Summary, string.Join(", ", one.Reads), one.Source ?? "", one.Complexity ?? "", figure is null ? "" : Takes(figure)];
            table.Append("| ").AppendJoin(" | ", cells.Select(Cell)).Append(" |\n");
        }
        return table.ToString();
    }

    static string Cell(string text) => text.Length == 0 ? "–" : text.Replace("|", "\\|", StringComparison.Ordinal);

    static string Takes(MeasuredAlgorithm figure) => figure.Microseconds < 1000
        ? string.Create(CultureInfo.InvariantCulture, $"{figure.Microseconds:F0} µs ({figure.N:N0})")
        : string.Create(CultureInfo.InvariantCulture, $"{figure.Microseconds / 1000:F1} ms ({figure.N:N0})");

    static string Parameters(JsonElement schema) => schema.TryGetProperty("properties", out var properties)
        ? string.Join("; ", properties.EnumerateObject().Select(p => Parameter(p.Name, p.Value))) : "";

    static string Parameter(string name, JsonElement schema) =>
        $"`{name}`{(schema.TryGetProperty("default", out var value) ? $" = {value.GetRawText()}" : "")}{(schema.TryGetProperty("enum", out var choices) ? $" ({string.Join(", ", choices.EnumerateArray())})" : "")}";
}

sealed record MeasuredAlgorithm(string Name, string Engine, long N, double Microseconds);

sealed record MeasuredAlgorithms(string Machine, string Date, IReadOnlyList<MeasuredAlgorithm> Algorithms);
