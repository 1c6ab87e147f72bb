using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Contracts.Analysis;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis;
using Pipeline.Processors.Analysis.Python;

namespace Pipeline.Processors.Tests.Analysis;

/// <summary>Requests as clients write them, through the engine with its native algorithms. Python's have tests of their own.</summary>
public sealed class AnalysisEngineTests
{
    readonly AnalysisSettings _settings = new() { CacheFrom = TimeSpan.Zero };

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    AnalysisEngine Engine(out ResultCache cache, TimeProvider? clock = null)
    {
        cache = new ResultCache(_settings, clock ?? TimeProvider.System);
        var python = new PythonEngine(new PythonOptions { Python = PythonUse.Off }, TimeProvider.System, NullLogger<PythonEngine>.Instance);
        return new AnalysisEngine(_settings, python, cache, clock ?? TimeProvider.System, NullLogger<AnalysisEngine>.Instance);
    }

    static AnalysisRequest Request(string json)
    {
        Assert.Null(AnalysisRequestReader.Read(Encoding.UTF8.GetBytes(json), out var request));
        return request!;
    }

    Task<AnalysisOutcome> AskAsync(string json) => Engine(out _).ExecuteAsync(Request(json), Stop);

    [Theory]
    [InlineData("sum", "{}", "[1,2,3,4]", """{"value":10,"n":4}""")]
    [InlineData("mean", "{}", "[1,2,3,4]", """{"value":2.5,"n":4}""")]
    [InlineData("variance", "{}", "[1,2,3,4,5]", """{"value":2.5,"n":5}""")]
    [InlineData("variance", """{"ddof":0}""", "[1,2,3,4,5]", """{"value":2,"n":5}""")]
    [InlineData("std", """{"ddof":0}""", "[2,4,4,4,5,5,7,9]", """{"value":2,"n":8}""")]
    [InlineData("min", "{}", "[3,1,2]", """{"value":1,"n":3}""")]
    [InlineData("max", "{}", "[3,1,2]", """{"value":3,"n":3}""")]
    [InlineData("skewness", "{}", "[1,1,1]", """{"value":null,"n":3}""")]
    [InlineData("kurtosis", "{}", "[1,2]", """{"value":-2,"n":2}""")]
    [InlineData("median", "{}", "[5,1,3,2]", """{"value":2.5,"n":4}""")]
    [InlineData("mean", """{"nan":"omit"}""", "[1,null,3]", """{"value":2,"n":3}""")]
    [InlineData("mean", """{"nan":"propagate"}""", "[1,null,3]", """{"value":null,"n":3}""")]
    [InlineData("mad", "{}", "[1,1,2,2,4,6,9]", """{"value":1,"n":7}""")]
    [InlineData("iqr", "{}", "[1,2,3,4,5]", """{"value":2,"n":5}""")]
    [InlineData("percentile", """{"q":90}""", "[1,2,3,4,5,6,7,8,9,10,11]", """{"value":10,"n":11}""")]
    [InlineData("percentile", """{"q":50,"method":"R-1"}""", "[1,2,3,4]", """{"value":2,"n":4}""")]
    [InlineData("percentiles", """{"q":[0,50,100]}""", "[1,2,3]", """{"q":[0,50,100],"values":[1,2,3],"n":3}""")]
    [InlineData("histogram", """{"bins":2}""", "[0,1,2,3,4]", """{"counts":[2,3],"edges":[0,2,4],"n":5}""")]
    [InlineData("histogram", """{"bins":2,"range":[0,2]}""", "[0,1,2,3]", """{"counts":[1,2],"edges":[0,1,2],"n":4}""")]
    [InlineData("autocorrelation", """{"lags":2}""", "[1,2,3,4]", """{"values":[0.25,-0.3],"n":4}""")]
    [InlineData("ewma", """{"alpha":0.5,"adjust":false}""", "[1,3,5]", """{"values":[1,2,3.5],"n":3}""")]
    [InlineData("ewma", """{"span":3,"adjust":false}""", "[1,3,5]", """{"values":[1,2,3.5],"n":3}""")]
    [InlineData("rolling", """{"window":2}""", "[1,3,5]", """{"values":[2,4],"n":3}""")]
    [InlineData("rolling", """{"window":3,"statistic":"median"}""", "[1,9,5,2]", """{"values":[5,5],"n":4}""")]
    [InlineData("correlation", "{}", "[1,2,3,4]", """{"value":0.25,"lag":1,"n":4}""")]
    [InlineData("anomalies", """{"method":"iqr"}""", "[1,2,3,4,5,100]", """{"indexes":[5],"values":[100],"scores":[38.6],"low":-1.5,"high":8.5,"n":6}""")]
    public async Task A_native_algorithm_answers(string algorithm, string parameters, string values, string result)
    {
        var outcome = await AskAsync($$$"""{"algorithm":"{{{algorithm}}}","parameters":{{{parameters}}},"input":{"values":{{{values}}}}}""");
        Assert.Null(outcome.Fault);
        Assert.Equal(result, Encoding.UTF8.GetString(outcome.Result.Span));
        Assert.Equal(("native", "1.0"), (outcome.Metadata!.Engine, outcome.Metadata.AlgorithmVersion));
    }

    [Theory]
    [InlineData("""{"algorithm":"correlation","input":{"columns":{"x":[1,2,3],"y":[2,4,6]}}}""", """{"value":1,"n":3}""")]
    [InlineData("""{"algorithm":"correlation","input":{"columns":{"x":[1,2,3],"y":[2,4,6],"z":[3,2,1]}}}""", """{"columns":["x","y","z"],"matrix":[[1,1,-1],[1,1,-1],[-1,-1,1]],"n":3}""")]
    [InlineData("""{"algorithm":"linear_regression","input":{"columns":{"x":[1,2,3],"y":[3,5,7]}}}""",
        """{"coefficients":[{"name":"intercept","estimate":1,"standard_error":0},{"name":"x","estimate":2,"standard_error":0}],"r_squared":1,"residual_deviation":0,"degrees_of_freedom":1,"n":3}""")]
    [InlineData("""{"algorithm":"linear_regression","parameters":{"intercept":false},"input":{"values":[0,2,4]}}""",
        """{"coefficients":[{"name":"index","estimate":2,"standard_error":0}],"r_squared":1,"residual_deviation":0,"degrees_of_freedom":2,"n":3}""")]
    [InlineData("""{"algorithm":"mean","input":{"f64le":"AAAAAAAA8D8AAAAAAAAIQA=="}}""", """{"value":2,"n":2}""")]
    [InlineData("""{"algorithm":"matrix_multiply","parameters":{"matrix_a":[[1,2],[3,4]],"matrix_b":[[5,6],[7,8]]},"timeout_seconds":30}""", """{"matrix":[[19,22],[43,50]],"rows":2,"columns":2}""")]
    public async Task Columns_and_matrices_are_answered(string request, string result)
    {
        var outcome = await AskAsync(request);
        Assert.Null(outcome.Fault);
        AssertClose(JsonDocument.Parse(result).RootElement, JsonDocument.Parse(outcome.Result).RootElement);
    }

    /// <summary>The same but for the last bits of numbers.</summary>
    static void AssertClose(JsonElement expected, JsonElement actual)
    {
        Assert.Equal(expected.ValueKind, actual.ValueKind);
        switch (expected.ValueKind)
        {
            case JsonValueKind.Object:
                Assert.Equal(expected.EnumerateObject().Select(f => f.Name), actual.EnumerateObject().Select(f => f.Name));
                foreach (var (one, other) in expected.EnumerateObject().Zip(actual.EnumerateObject()))
                    AssertClose(one.Value, other.Value);
                break;
            case JsonValueKind.Array:
                Assert.Equal(expected.GetArrayLength(), actual.GetArrayLength());
                foreach (var (one, other) in expected.EnumerateArray().Zip(actual.EnumerateArray()))
                    AssertClose(one, other);
                break;
            case JsonValueKind.Number:
                Assert.Equal(expected.GetDouble(), actual.GetDouble(), 1e-14);
                break;
            default:
                Assert.Equal(expected.ToString(), actual.ToString());
                break;
        }
    }

    [Theory]
    [InlineData("""{"algorithm":"meen","input":{"values":[1]}}""", "unknown_algorithm", "/algorithm", "near: mean")]
    [InlineData("""{"algorithm":"mean"}""", "invalid_input", "/input", "needs an input")]
    [InlineData("""{"algorithm":"mean","input":{"texts":["a"]}}""", "invalid_input", "/input/texts", "reads values")]
    [InlineData("""{"algorithm":"mean","input":{"events":{"metric":"durations"}}}""", "not_allowed", "/input/events", "no stored events")]
    [InlineData("""{"algorithm":"mean","input":{"values":[]}}""", "too_few_values", "/input", "no values")]
    [InlineData("""{"algorithm":"variance","input":{"values":[1]}}""", "too_few_values", "/input", "2 values are needed")]
    [InlineData("""{"algorithm":"mean","input":{"values":[1,null]}}""", "invalid_input", "/input", "index 1")]
    [InlineData("""{"algorithm":"sum","input":{"values":[1e308,1e308]}}""", "invalid_input", "/input", "largest double")]
    [InlineData("""{"algorithm":"mean","input":{"columns":{"a":[1],"b":[2]}}}""", "invalid_input", "/input", "2 columns")]
    [InlineData("""{"algorithm":"correlation","input":{"columns":{"a":[1,2],"b":[2]}}}""", "invalid_input", "/input/columns", "a: 2, b: 1")]
    [InlineData("""{"algorithm":"mean","parameters":{"nam":"omit"},"input":{"values":[1]}}""", "invalid_parameters", "/parameters/nam", "known are nan")]
    [InlineData("""{"algorithm":"mean","parameters":{"nan":"skip"},"input":{"values":[1]}}""", "invalid_parameters", "/parameters/nan", "one of raise, omit, propagate")]
    [InlineData("""{"algorithm":"std","parameters":{"ddof":1.5},"input":{"values":[1]}}""", "invalid_parameters", "/parameters/ddof", "whole number")]
    [InlineData("""{"algorithm":"std","parameters":{"ddof":-1},"input":{"values":[1]}}""", "invalid_parameters", "/parameters/ddof", "at least 0")]
    [InlineData("""{"algorithm":"percentile","parameters":{"q":101},"input":{"values":[1]}}""", "invalid_parameters", "/parameters/q", "from 0 to 100")]
    [InlineData("""{"algorithm":"percentiles","parameters":{"q":[1,-1]},"input":{"values":[1]}}""", "invalid_parameters", "/parameters/q/1", "from 0 to 100")]
    [InlineData("""{"algorithm":"histogram","parameters":{"bins":1000000000},"input":{"values":[1]}}""", "invalid_parameters", "/parameters/bins", "100000")]
    [InlineData("""{"algorithm":"histogram","parameters":{"range":[2,1]},"input":{"values":[1]}}""", "invalid_parameters", "/parameters/range", "lower first")]
    [InlineData("""{"algorithm":"rolling","input":{"values":[1]}}""", "invalid_parameters", "/parameters/window", "required")]
    [InlineData("""{"algorithm":"rolling","parameters":{"window":5},"input":{"values":[1]}}""", "too_few_values", "/input", "5 values are needed")]
    [InlineData("""{"algorithm":"autocorrelation","parameters":{"lags":5},"input":{"values":[1,2]}}""", "too_few_values", "/input", "there are 2")]
    [InlineData("""{"algorithm":"autocorrelation","parameters":{"lags":10001},"input":{"values":[1,2]}}""", "invalid_parameters", "/parameters/lags", "10000")]
    [InlineData("""{"algorithm":"ewma","input":{"values":[1]}}""", "invalid_parameters", "/parameters", "One of alpha")]
    [InlineData("""{"algorithm":"linear_regression","parameters":{"target":"z"},"input":{"columns":{"x":[1,2],"y":[1,2]}}}""", "invalid_parameters", "/parameters/target", "no column z")]
    [InlineData("""{"algorithm":"linear_regression","input":{"columns":{"a":[1,2,3],"b":[2,4,6],"y":[1,2,3]}}}""", "invalid_input", "/input", "depends on")]
    [InlineData("""{"algorithm":"matrix_multiply","parameters":{"matrix_a":[[1,2]],"matrix_b":[[1,2]]}}""", "invalid_input", "/input", "do not fit")]
    [InlineData("""{"algorithm":"matrix_multiply","parameters":{"matrix_a":[[1,2],[3]],"matrix_b":[[1],[2]]}}""", "invalid_parameters", "/parameters/matrix_a/1", "one length")]
    [InlineData("""{"algorithm":"matrix_multiply","parameters":{"matrix_a":[[1,2]]}}""", "invalid_parameters", "/parameters/matrix_b", "required")]
    [InlineData("""{"algorithm":"matrix_multiply","parameters":{"matrix_a":[[1]],"matrix_b":[[1]]},"input":{"values":[1]}}""", "invalid_input", "/input/values", "from its parameters")]
    public async Task What_cannot_be_answered_is_a_fault_with_its_place(string request, string code, string path, string message)
    {
        var outcome = await AskAsync(request);
        Assert.Equal((code, path), (outcome.Fault!.Code, outcome.Fault.Path));
        Assert.Contains(message, outcome.Fault.Message, StringComparison.Ordinal);
        Assert.True(outcome.Result.IsEmpty);
        Assert.False(outcome.Fault.IsTransient);
    }

    [Fact]
    public async Task A_result_that_is_known_is_not_computed_again_whatever_the_order_of_the_parameters()
    {
        var engine = Engine(out var cache);
        var first = await engine.ExecuteAsync(Request("""{"algorithm":"std","parameters":{"ddof":0,"nan":"omit"},"input":{"values":[1,2]}}"""), Stop);
        var again = await engine.ExecuteAsync(Request("""{"algorithm":"std","parameters":{"nan":"omit", "ddof":0},"input":{"values":[1,2]}}"""), Stop);
        var other = await engine.ExecuteAsync(Request("""{"algorithm":"std","parameters":{"nan":"omit","ddof":0},"input":{"values":[1,3]}}"""), Stop);
        Assert.Equal((false, true, false), (first.Metadata!.IsCached, again.Metadata!.IsCached, other.Metadata!.IsCached));
        Assert.Equal(first.Result.ToArray(), again.Result.ToArray());
        Assert.Equal((2, 1L, 2L), (cache.Figures.Entries, cache.Figures.Hits, cache.Figures.Misses));
        Assert.Equal((0, 2), (cache.Purge("mean"), cache.Figures.Entries));
        Assert.Equal((2, 0, 0L), (cache.Purge("std"), cache.Figures.Entries, cache.Figures.Bytes));
        Assert.Equal(0, cache.Purge(null));
        Assert.False((await engine.ExecuteAsync(Request("""{"algorithm":"std","parameters":{"ddof":0,"nan":"omit"},"input":{"values":[1,2]}}"""), Stop)).Metadata!.IsCached);
    }

    [Fact]
    public async Task Values_and_a_column_of_that_name_are_two_inputs()
    {
        var engine = Engine(out var cache);
        await engine.ExecuteAsync(Request("""{"algorithm":"mean","input":{"values":[1,2]}}"""), Stop);
        Assert.False((await engine.ExecuteAsync(Request("""{"algorithm":"mean","input":{"columns":{"values":[1,2]}}}"""), Stop)).Metadata!.IsCached);
        Assert.Equal(2, cache.Figures.Entries);
    }

    [Fact]
    public async Task A_matrix_of_correlations_is_bounded()
    {
        var columns = string.Join(',', Enumerable.Range(0, 1001).Select(i => $"\"c{i}\":[1,2]"));
        Assert.Equal("too_large", (await AskAsync("""{"algorithm":"correlation","input":{"columns":{""" + columns + "}}}")).Fault!.Code);
    }

    [Fact]
    public async Task Results_are_forgotten_by_age_and_by_bytes()
    {
        var clock = new ManualClock(DateTimeOffset.UnixEpoch);
        _settings.CacheBytesMax = 1500;
        var engine = Engine(out var cache, clock);
        Task<AnalysisOutcome> AskAsync(int value) => engine.ExecuteAsync(Request($$$"""{"algorithm":"mean","input":{"values":[{{{value}}}]}}"""), Stop);
        for (var i = 0; i < 20; i++)
        {
            await AskAsync(i);
            Assert.True(cache.Figures.Bytes <= _settings.CacheBytesMax);
        }
        Assert.True((await AskAsync(19)).Metadata!.IsCached);
        Assert.False((await AskAsync(0)).Metadata!.IsCached);
        clock.Advance(_settings.CacheFor);
        Assert.False((await AskAsync(19)).Metadata!.IsCached);
    }

    [Fact]
    public async Task A_long_name_of_a_parameter_is_not_repeated_whole()
    {
        var fault = (await AskAsync("""{"algorithm":"mean","parameters":{"NAME":1},"input":{"values":[1]}}""".Replace("NAME", new string('n', 10_000), StringComparison.Ordinal))).Fault!;
        Assert.Equal(("invalid_parameters", $"/parameters/{new string('n', 64)}…"), (fault.Code, fault.Path));
        Assert.InRange(fault.Message.Length, 1, 300);
    }

    [Fact]
    public async Task A_fault_is_never_remembered()
    {
        var engine = Engine(out var cache);
        await engine.ExecuteAsync(Request("""{"algorithm":"mean","input":{"values":[]}}"""), Stop);
        Assert.Equal(0, cache.Figures.Entries);
    }

    [Fact]
    public async Task A_deadline_ends_the_wait_and_what_still_runs_holds_its_place()
    {
        _settings.MaxConcurrent = 1;
        var engine = Engine(out _);
        var (values, series) = (new double[2_000_000], new Random(1));
        for (var i = 0; i < values.Length; i++)
            values[i] = series.NextDouble();
        var parameters = JsonDocument.Parse("""{"window":100000,"statistic":"median"}""").RootElement;
        var slow = new AnalysisRequest(null, "rolling", parameters, AnalysisPriority.Normal, new ValuesInput(values), new AnalysisOptions(TimeoutMs: 50));
        Assert.Equal("timeout", (await engine.ExecuteAsync(slow, Stop)).Fault!.Code);
        // The kernel looks at its token between pieces; until then nobody else gets its place.
        await Until.TrueAsync("the kernel has ended", TimeSpan.FromSeconds(60), async () =>
        {
            var next = await engine.ExecuteAsync(Request("""{"algorithm":"mean","input":{"values":[1]}}"""), Stop);
            Assert.True(next.Fault is null or { Code: "overloaded" });
            return next.Fault is null;
        });
        Assert.Equal(0, engine.Running);
    }

    [Fact]
    public async Task Whoever_gives_up_is_told_so()
    {
        using var given = new CancellationTokenSource();
        await given.CancelAsync();
        Assert.Equal("cancelled", (await Engine(out _).ExecuteAsync(Request("""{"algorithm":"mean","input":{"values":[1]}}"""), given.Token)).Fault!.Code);
    }

    [Fact]
    public void Every_algorithm_says_what_it_is()
    {
        var algorithms = Engine(out _).Algorithms;
        string[] wanted = ["mean", "median", "std", "variance", "percentile", "percentiles", "correlation", "summary", "min", "max", "sum", "skewness", "kurtosis", "mad", "iqr", "histogram", "autocorrelation",
            "ewma", "rolling", "linear_regression", "anomalies", "matrix_multiply"];
        Assert.Equal(wanted.Order(StringComparer.Ordinal), algorithms.Select(a => a.Name));
        Assert.All(algorithms, a =>
        {
            Assert.EndsWith(".", a.Summary, StringComparison.Ordinal);
            Assert.Equal("object", a.Parameters.GetProperty("type").GetString());
            Assert.All(a.Parameters.GetProperty("properties").EnumerateObject(), p => Assert.NotEmpty(p.Value.GetProperty("description").GetString()!));
        });
    }

    [Fact]
    public async Task An_algorithm_of_Python_alone_is_told_to_be_away()
    {
        var outcome = await AskAsync("""{"algorithm":"kmeans","input":{"values":[1,2]}}""");
        Assert.Equal("unknown_algorithm", outcome.Fault!.Code);
        Assert.Contains("Pipeline:Analysis:Python is off", outcome.Fault.Message, StringComparison.Ordinal);
    }
}
