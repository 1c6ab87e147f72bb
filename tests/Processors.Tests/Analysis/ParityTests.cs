using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Analysis;
using Pipeline.Processors.Analysis.Native;
using Pipeline.Processors.Tests.Analysis.Python;

namespace Pipeline.Processors.Tests.Analysis;

/// <summary>What exists natively and in Python gives the same answers: which of them executes a request is the engine's choice, and nobody should notice.</summary>
[Collection(PythonFolder.Collection)]
public sealed class ParityTests
{
    static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Of what the two may differ, beside the largest number of the same figure: two solvers of well-conditioned problems.</summary>
    const double Tolerance = 1e-9;

    static readonly JsonElement Bare = JsonElement.Parse("""{"intercept":false}""");

    static IEnumerable<(string Algorithm, AnalysisInput Input, JsonElement? Parameters)> Cases()
    {
        var random = new Random(20261122);
        foreach (var (rows, features) in ((int, int)[])[(3, 1), (30, 2), (500, 5), (5000, 3)])
        {
            var columns = Enumerable.Range(0, features).Select(_ => Enumerable.Range(0, rows).Select(_ => (random.NextDouble() * 200) - 100).ToArray()).ToList();
            double[] y = [.. Enumerable.Range(0, rows).Select(i => 3 + columns.Select((c, k) => (k + 1) * c[i]).Sum() + random.NextDouble())];
            var input = new ColumnsInput([.. Enumerable.Range(0, features).Select(k => $"x{k}"), "y"], [.. columns.Select(c => (ReadOnlyMemory<double>)c), y]);
            yield return ("linear_regression", input, null);
            yield return ("linear_regression", input, Bare);
        }
        yield return ("linear_regression", new ValuesInput(new double[] { 2, 4.5, 5, 9, 10.25 }), null);
    }

    [Fact]
    public async Task What_exists_natively_and_in_Python_gives_the_same_answers()
    {
        await using var folder = new PythonFolder(misbehaving: false);
        var python = await folder.NeededAsync(o => o.PythonAlgorithms = "");
        Assert.Equal(Cases().Select(c => c.Algorithm).Distinct(), python.Catalogue.Entries.Keys.Intersect(NativeAlgorithms.ByName.Keys));
        var settings = new AnalysisSettings { CacheBytesMax = 0 };
        var engine = new AnalysisEngine(settings, python, new ResultCache(settings, TimeProvider.System), TimeProvider.System, NullLogger<AnalysisEngine>.Instance);
        foreach (var (algorithm, input, parameters) in Cases())
        {
            var answers = new List<JsonElement>();
            foreach (var native in (bool[])[true, false])
            {
                var outcome = await engine.ExecuteAsync(new AnalysisRequest(null, algorithm, parameters, AnalysisPriority.Normal, input, new AnalysisOptions(PreferNative: native)), Stop);
                Assert.Null(outcome.Fault);
                Assert.Equal(native ? "native" : "python", outcome.Metadata!.Engine);
                answers.Add(JsonElement.Parse(outcome.Result.Span));
            }
            AssertAlike(answers[0], answers[1], algorithm);
        }
    }

    /// <summary>Every figure that the native answer has, Python's has too, under the same name.</summary>
    static void AssertAlike(JsonElement native, JsonElement python, string path)
    {
        switch (native.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var field in native.EnumerateObject())
                {
                    Assert.True(python.TryGetProperty(field.Name, out var other), $"{path}/{field.Name} is the native one's alone");
                    AssertAlike(field.Value, other, $"{path}/{field.Name}");
                }
                break;
            case JsonValueKind.Array:
                Assert.Equal((path, native.GetArrayLength()), (path, python.GetArrayLength()));
                foreach (var (a, b, i) in native.EnumerateArray().Zip(python.EnumerateArray()).Select((pair, i) => (pair.First, pair.Second, i)))
                    AssertAlike(a, b, $"{path}/{i}");
                break;
            case JsonValueKind.Number:
                double ours = native.GetDouble(), theirs = python.GetDouble();
                Assert.True(Math.Abs(ours - theirs) <= Tolerance * Math.Max(1, Math.Max(Math.Abs(ours), Math.Abs(theirs))), $"{path}: {ours:R} natively, {theirs:R} in Python");
                break;
            default:
                Assert.Equal((path, native.ToString()), (path, python.ToString()));
                break;
        }
    }
}
