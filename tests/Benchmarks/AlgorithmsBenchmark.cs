using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Analysis;
using Pipeline.Processors.Analysis.Kernels;
using Pipeline.Processors.Analysis.Native;
using Pipeline.Processors.Analysis.Python;

namespace Pipeline.Benchmarks;

/// <summary>
/// What each algorithm takes from the request to its result's JSON, inside the engine. Writes <c>docs/algorithms-measured.json</c> and the tables of <c>docs/algorithms.md</c>, which show it. Needs no server.
/// </summary>
static class AlgorithmsBenchmark
{
    const int Native = 10_000, Python = 1_000;

    /// <summary>Where an algorithm needs parameters.</summary>
    static readonly Dictionary<string, string> Parameters = new()
    {
        ["rolling"] = """{"window":50}""",
        ["ewma"] = """{"span":50}""",
        ["kmeans"] = """{"k":3}""",
        ["autocorrelation"] = """{"lags":40}""",
        ["matrix_multiply"] = $$"""{"matrix_a":{{Square}},"matrix_b":{{Square}}}""",
        ["random_forest"] = """{"target":"y"}""",
    };

    /// <summary>100 × 100.</summary>
    static string Square => $"[{string.Join(',', Enumerable.Range(0, 100).Select(i => $"[{string.Join(',', Enumerable.Range(0, 100).Select(j => (i * j) % 17))}]"))}]";

    public static async Task RunAsync(Servers servers, Report report, bool quick)
    {
        var settings = Settings(servers);
        using var python = await StartedAsync(settings);
        var engine = new AnalysisEngine(settings, python, new ResultCache(settings, TimeProvider.System), TimeProvider.System, NullLogger<AnalysisEngine>.Instance);
        var measured = new List<MeasuredAlgorithm>();
        foreach (var name in NativeAlgorithms.ByName.Keys.Order(StringComparer.Ordinal))
            measured.Add(await MeasureAsync(engine, name, isNative: true, quick ? 20 : 200));
        foreach (var name in python.Catalogue.Entries.Keys.Order(StringComparer.Ordinal))
            measured.Add(await MeasureAsync(engine, name, isNative: false, quick ? 3 : 10));
        foreach (var one in measured)
            report.Figure($"{one.Name} ({one.Engine})", one.Microseconds, "µs", string.Create(CultureInfo.InvariantCulture, $"n = {one.N:N0}"));
        var all = new MeasuredAlgorithms($"{Environment.ProcessorCount} cores, {Simd.Width} bits, load {File.ReadAllText("/proc/loadavg").Split(' ')[0]}", $"{DateTimeOffset.UtcNow:yyyy-MM-dd}", measured);
        await File.WriteAllTextAsync(AlgorithmPage.MeasuredIn(servers.Repository), JsonSerializer.Serialize(all, Indented) + "\n");
        await WritePageAsync(servers.Repository, python, all);
        await python.StopAsync(CancellationToken.None);
    }

    /// <summary>The tables alone, with what was measured before.</summary>
    public static async Task WritePageAsync(Servers servers, Report report, bool quick)
    {
        using var python = await StartedAsync(Settings(servers));
        await WritePageAsync(servers.Repository, python, AlgorithmPage.Measured(servers.Repository));
        await python.StopAsync(CancellationToken.None);
        report.Line("docs/algorithms.md is written");
    }

    static async Task WritePageAsync(string repository, PythonEngine python, MeasuredAlgorithms measured)
    {
        var page = AlgorithmPage.With(await File.ReadAllTextAsync(AlgorithmPage.PathIn(repository)), "native", NativeAlgorithms.ByName.Values.Select(a => a.Description), measured);
        page = AlgorithmPage.With(page, "python", python.Catalogue.Entries.Values.Select(e => e.Algorithm), measured);
        await File.WriteAllTextAsync(AlgorithmPage.PathIn(repository), page);
    }

    static AnalysisSettings Settings(Servers servers) =>
        new() { CacheBytesMax = 0, PythonFolder = Path.Combine(servers.Repository, "python"), PythonWorkersMax = 1, PythonWorkerCallsMax = int.MaxValue };

    /// <summary>Without Python half of the page would be missing.</summary>
    static async Task<PythonEngine> StartedAsync(AnalysisSettings settings)
    {
        var python = new PythonEngine(settings, TimeProvider.System, NullLogger<PythonEngine>.Instance);
        await python.StartAsync(CancellationToken.None);
        await python.Ready;
        return python.State.Status == PythonStatus.Ready && python.Catalogue.Faults.Count == 0 ? python
            : throw new InvalidOperationException($"Python's algorithms are not to be had: {python.State.Reason} {string.Join(' ', python.Catalogue.Faults)}");
    }

    /// <summary>The fastest tenth of the rounds ends at this: what else runs only adds.</summary>
    static async Task<MeasuredAlgorithm> MeasureAsync(AnalysisEngine engine, string name, bool isNative, int rounds)
    {
        var reads = engine.Algorithms.First(a => a.Name == name).Reads;
        var request = new AnalysisRequest(null, name, Parameters.TryGetValue(name, out var parameters) ? JsonElement.Parse(parameters) : null, AnalysisPriority.Normal,
            Input(reads, name is "random_forest" or "pca", isNative ? Native : Python), new AnalysisOptions(PreferNative: isNative));
        var took = new List<double>();
        AnalysisOutcome outcome;
        var warm = Stopwatch.StartNew();
        do
            outcome = await engine.ExecuteAsync(request, CancellationToken.None);
        while (warm.ElapsedMilliseconds < 300);
        for (var i = 0; i < rounds; i++)
        {
            var began = Stopwatch.GetTimestamp();
            outcome = await engine.ExecuteAsync(request, CancellationToken.None);
            took.Add(Stopwatch.GetElapsedTime(began).TotalMicroseconds);
        }
        if (outcome.Fault is { } fault)
            throw new InvalidOperationException($"{name}: {fault}");
        // What takes everything from its parameters says nothing of a number of values.
        var n = outcome.Metadata!.N > 0 ? outcome.Metadata.N : 2L * 100 * 100;
        return new MeasuredAlgorithm(name, outcome.Metadata.Engine, n, Math.Round(took.Order().ElementAt(rounds / 10)));
    }

    static AnalysisInput? Input(string[] reads, bool columns, int n)
    {
        var random = new Random(1);
        double[] Values() => [.. Enumerable.Range(0, n).Select(_ => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()))];
        return reads.Length == 0 ? null
            : columns ? new ColumnsInput(["a", "b", "y"], [Values(), Values(), Values()])
            : reads.Contains("values") ? new ValuesInput(Values())
            : new TextsInput([.. Enumerable.Repeat("This tool is very good, but the night shift was terrible!", n)]);
    }

    static readonly JsonSerializerOptions Indented = new(JsonSerializerDefaults.Web) { WriteIndented = true };
}
