using System.Globalization;
using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis;
using Pipeline.Processors.Analysis.Native;

namespace Pipeline.Processors.Tests.Analysis;

/// <summary>docs/algorithms.md says of the native algorithms what they say of themselves, and of all of them what was measured (<c>./dev bench algorithms</c>).</summary>
public sealed class AlgorithmDocsTests
{
    static readonly JsonElement Measured = JsonElement.Parse(File.ReadAllBytes(Path.Combine(TestServers.Repository, "docs", "algorithms-measured.json")));

    [Fact]
    public void Every_native_algorithm_stands_in_the_table_as_it_describes_itself()
    {
        var text = File.ReadAllText(Path.Combine(TestServers.Repository, "docs", "algorithms.md"));
        var missing = NativeAlgorithms.ByName.Values.OrderBy(a => a.Name, StringComparer.Ordinal).Select(a => Row(a.Description)).Where(row => !text.Contains(row, StringComparison.Ordinal)).ToList();
        Assert.True(missing.Count == 0, $"docs/algorithms.md lacks:\n{string.Join('\n', missing)}");
        Assert.Equal(NativeAlgorithms.ByName.Count, text.Split('\n').Count(line => line.StartsWith("| `", StringComparison.Ordinal) && line.EndsWith("native |", StringComparison.Ordinal)));
    }

    [Fact]
    public void Every_Python_algorithm_stands_there_with_what_was_measured_of_it()
    {
        var rows = File.ReadAllLines(Path.Combine(TestServers.Repository, "docs", "algorithms.md")).Where(line => line.StartsWith("| `", StringComparison.Ordinal)).ToList();
        var names = Directory.EnumerateFiles(Path.Combine(TestServers.Repository, "python", "algorithms"), "*.py").Select(Path.GetFileNameWithoutExtension);
        foreach (var name in names)
            Assert.Single(rows, row => row.StartsWith($"| `{name}` |", StringComparison.Ordinal) && row.EndsWith($"| {Figure(name!, "python")} |", StringComparison.Ordinal));
    }

    /// <summary>A dash where nothing was measured.</summary>
    static string Figure(string name, string engine)
    {
        foreach (var one in Measured.GetProperty("algorithms").EnumerateArray())
            if (one.GetProperty("name").GetString() == name && one.GetProperty("engine").GetString() == engine)
                return $"{Time(one.GetProperty("microseconds").GetDouble())} ({one.GetProperty("n").GetInt64().ToString("N0", CultureInfo.InvariantCulture)})";
        return "–";
    }

    static string Time(double microseconds) => microseconds < 1000 ? string.Create(CultureInfo.InvariantCulture, $"{microseconds:F0} µs") : string.Create(CultureInfo.InvariantCulture, $"{microseconds / 1000:F1} ms");

    static string Row(AlgorithmDescription algorithm)
    {
        var parameters = algorithm.Parameters.GetProperty("properties").EnumerateObject().Select(p => Parameter(p.Name, p.Value)).ToList();
        return $"| `{algorithm.Name}` | {algorithm.Summary} | {(parameters.Count == 0 ? "–" : string.Join("; ", parameters))} | {Figure(algorithm.Name, "native")} | native |";
    }

    static string Parameter(string name, JsonElement schema) =>
        $"`{name}`{(schema.TryGetProperty("default", out var value) ? $" = {value.GetRawText()}" : "")}{(schema.TryGetProperty("enum", out var choices) ? $" ({string.Join(", ", choices.EnumerateArray().Select(c => c.GetString()))})" : "")}";
}
