using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Contracts.Analysis;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis;
using Pipeline.Processors.Tests.Analysis.Python;

namespace Pipeline.Processors.Tests.Analysis;

/// <summary>docs/add-an-algorithm.md, step by step, as a reader would follow it.</summary>
[Collection(PythonFolder.Collection)]
public sealed partial class AddAnAlgorithmTests
{
    static readonly TimeSpan Plenty = TimeSpan.FromSeconds(60);

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    static string Guide => File.ReadAllText(Path.Combine(TestServers.Repository, "docs", "add-an-algorithm.md"));

    /// <summary>The guide's blocks of one language, without their indent.</summary>
    static List<string> Blocks(string language) => [.. Fence().Matches(Guide).Where(m => m.Groups[1].Value == language)
        .Select(m => string.Join('\n', m.Groups[2].Value.Split('\n').Select(line => line.Length > 3 ? line[3..] : "")).TrimEnd() + "\n")];

    [GeneratedRegex("   ```([a-z]+)\n(.*?)   ```", RegexOptions.Singleline)]
    private static partial Regex Fence();

    [Fact]
    public async Task The_Python_one_answers_after_each_step_without_a_restart()
    {
        var (python, json) = (Blocks("python"), Blocks("json"));
        Assert.Equal((2, 2), (python.Count, json.Count));
        await using var folder = new PythonFolder(misbehaving: false);
        var workers = await folder.NeededAsync();
        var settings = new AnalysisSettings { CacheFrom = TimeSpan.Zero };
        var engine = new AnalysisEngine(settings, workers, new ResultCache(settings, TimeProvider.System), TimeProvider.System, NullLogger<AnalysisEngine>.Instance);

        folder.Write("mean_step.py", python[0]);
        var least = await AnsweredAsync(engine, """{"algorithm":"mean_step","input":{"values":[1,2,4,8]}}""", o => o.Fault is null);
        Assert.Equal("""{"value":2.3333333333333335}""", Encoding.UTF8.GetString(least.Result.Span));
        Assert.Contains(engine.Algorithms, a => a is { Name: "mean_step", Source: null, Complexity: null });
        Assert.Equal("algorithm_failed", (await AskAsync(engine, """{"algorithm":"mean_step","input":{"values":[1]}}""")).Fault!.Code);

        folder.Write("mean_step.py", python[1]);
        var full = await AnsweredAsync(engine, json[0], o => o.Metadata?.AlgorithmVersion == "1.0");
        Assert.Equal(JsonDocument.Parse(json[1]).RootElement.GetProperty("value").GetDouble(), JsonDocument.Parse(full.Result).RootElement.GetProperty("value").GetDouble());
        Assert.Equal("invalid_input", (await AskAsync(engine, """{"algorithm":"mean_step","input":{"values":[1]}}""")).Fault!.Code);
        Assert.Equal("/parameters/lag", (await AskAsync(engine, """{"algorithm":"mean_step","parameters":{"lag":0},"input":{"values":[1,2]}}""")).Fault!.Path);
        // An edited file is another algorithm, whatever version it says and whatever is remembered.
        folder.Write("mean_step.py", python[1].Replace(".mean()", ".max()", StringComparison.Ordinal));
        await AnsweredAsync(engine, json[0], o => JsonDocument.Parse(o.Result).RootElement.GetProperty("value").GetDouble() == 6);
        folder.Write("strange.py", "def strange(data, params):\n    return {'$array': 7}\n");
        Assert.Contains("no result", (await AnsweredAsync(engine, """{"algorithm":"strange","input":{"values":[1]}}""", o => o.Fault?.Code != "unknown_algorithm")).Fault!.Message, StringComparison.Ordinal);
        Assert.Contains(engine.Algorithms, a => a is { Name: "mean_step", Source: "NIST e-Handbook (moving range)", Complexity: "O(n)" } && a.Parameters.GetProperty("properties").GetProperty("lag").GetProperty("default").GetInt32() == 1);
    }

    [Fact]
    public void The_native_one_stands_in_the_sources_as_it_is_shown()
    {
        var shown = Assert.Single(Blocks("csharp")).Trim();
        Assert.Contains(shown, File.ReadAllText(Path.Combine(TestServers.Repository, "src", "Processors", "Analysis", "Native", "OrderAlgorithms.cs")), StringComparison.Ordinal);
    }

    static Task<AnalysisOutcome> AskAsync(AnalysisEngine engine, string json)
    {
        Assert.Null(AnalysisRequestReader.Read(Encoding.UTF8.GetBytes(json), out var request));
        return engine.ExecuteAsync(request!, Stop);
    }

    static Task<AnalysisOutcome> AnsweredAsync(AnalysisEngine engine, string json, Func<AnalysisOutcome, bool> isSo) =>
        Until.TrueAsync("the file was noticed", Plenty, () => AskAsync(engine, json), isSo);
}
