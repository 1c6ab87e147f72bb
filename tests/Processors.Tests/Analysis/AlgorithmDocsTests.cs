using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis;
using Pipeline.Processors.Analysis.Native;

namespace Pipeline.Processors.Tests.Analysis;

/// <summary>docs/algorithms.md says of the native algorithms what they say of themselves.</summary>
public sealed class AlgorithmDocsTests
{
    [Fact]
    public void Every_native_algorithm_stands_in_the_table_as_it_describes_itself()
    {
        var text = File.ReadAllText(Path.Combine(TestServers.Repository, "docs", "algorithms.md"));
        var missing = NativeAlgorithms.ByName.Values.OrderBy(a => a.Name, StringComparer.Ordinal).Select(a => Row(a.Description)).Where(row => !text.Contains(row, StringComparison.Ordinal)).ToList();
        Assert.True(missing.Count == 0, $"docs/algorithms.md lacks:\n{string.Join('\n', missing)}");
        Assert.Equal(NativeAlgorithms.ByName.Count, text.Split('\n').Count(line => line.StartsWith("| `", StringComparison.Ordinal) && line.EndsWith("native |", StringComparison.Ordinal)));
    }

    static string Row(AlgorithmDescription algorithm)
    {
        var parameters = algorithm.Parameters.GetProperty("properties").EnumerateObject().Select(p => Parameter(p.Name, p.Value)).ToList();
        return $"| `{algorithm.Name}` | {algorithm.Summary} | {(parameters.Count == 0 ? "–" : string.Join("; ", parameters))} | native |";
    }

    static string Parameter(string name, JsonElement schema) =>
        $"`{name}`{(schema.TryGetProperty("default", out var value) ? $" = {value.GetRawText()}" : "")}{(schema.TryGetProperty("enum", out var choices) ? $" ({string.Join(", ", choices.EnumerateArray().Select(c => c.GetString()))})" : "")}";
}
