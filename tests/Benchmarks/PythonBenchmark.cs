using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Processors.Analysis.Python;

namespace Pipeline.Benchmarks;

/// <summary>What a call to a Python worker costs over the algorithm's own time, and how soon a worker that crashed is replaced. Needs no server.</summary>
static class PythonBenchmark
{
    const string Decorated = """
        from pipeline_algorithms import algorithm

        @algorithm(version="1")
        def nothing(given, params):
            return {"n": len(given.values)}

        @algorithm(version="1")
        def back(given, params):
            return {"x": given.values}
        """;

    /// <summary>In a file of its own: of one that marks its algorithms, nothing else is one.</summary>
    const string Plain = """
        import ctypes

        def plain(data, params):
            return {"n": len(data)}

        def crash(data, params):
            ctypes.string_at(0)
        """;

    public static async Task RunAsync(Servers servers, Report report, bool quick)
    {
        var folder = Directory.CreateTempSubdirectory("pipeline-bench-python-").FullName;
        File.WriteAllText(Path.Combine(folder, "decorated.py"), Decorated);
        File.WriteAllText(Path.Combine(folder, "plain.py"), Plain);
        try
        {
            var options = new PythonOptions { PythonFolder = Path.Combine(servers.Repository, "python"), PythonAlgorithms = folder, PythonWorkersMax = 2, PythonWorkerCallsMax = int.MaxValue };
            using var engine = new PythonEngine(options, TimeProvider.System, NullLogger<PythonEngine>.Instance);
            var clock = Stopwatch.StartNew();
            await engine.StartAsync(CancellationToken.None);
            await engine.Ready;
            if (engine.State.Status != PythonStatus.Ready)
            {
                report.Line($"  NOT measured: {engine.State.Reason}");
                return;
            }
            report.Figure("start until the first algorithm is known", clock.Elapsed.TotalMilliseconds, "ms", "an interpreter looked for, four libraries imported");
            await MeasureAsync(engine, report, quick ? 2000 : 20_000);
            await engine.StopAsync(CancellationToken.None);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    static async Task MeasureAsync(PythonEngine engine, Report report, int calls)
    {
        await CallsAsync(engine, "nothing", 8, calls / 10);
        Show(report, "round trip, 64 B", await CallsAsync(engine, "nothing", 8, calls), "wanted ≤ 0.1 ms at p50");
        Show(report, "round trip, 64 B, two-argument function", await CallsAsync(engine, "plain", 8, calls));
        await CallsAsync(engine, "nothing", 1 << 20, 20);
        Show(report, "8 MB there, over the algorithm's own time", await CallsAsync(engine, "nothing", 1 << 20, calls / 40, over: true), "wanted ≤ 2.5 ms");
        Show(report, "8 MB there and back, all in all", await CallsAsync(engine, "back", 1 << 20, calls / 40));
        var (crashed, replaced, next) = (new List<double>(), new List<double>(), new List<double>());
        for (var i = 0; i < 100; i++)
        {
            var clock = Stopwatch.StartNew();
            await engine.CallAsync(PythonCall.Of("crash", new double[8], TimeSpan.FromSeconds(30)), CancellationToken.None);
            crashed.Add(clock.Elapsed.TotalMilliseconds);
            // As many workers as before: the call's outcome is known when the crash is.
            while (engine.Pool.Living < 2)
                await Task.Yield();
            replaced.Add(clock.Elapsed.TotalMilliseconds - crashed[^1]);
            clock.Restart();
            await engine.CallAsync(PythonCall.Of("nothing", new double[8], TimeSpan.FromSeconds(30)), CancellationToken.None);
            next.Add(clock.Elapsed.TotalMilliseconds);
        }
        Show(report, "call that crashes, until its outcome", crashed);
        Show(report, "crash known until replaced", replaced, "wanted ≤ 20 ms");
        Show(report, "next call after a crash", next);
    }

    static async Task<List<double>> CallsAsync(PythonEngine engine, string algorithm, int n, int calls, bool over = false)
    {
        var (values, took) = (new double[n], new List<double>(calls));
        for (var i = 0; i < calls; i++)
        {
            var began = Stopwatch.GetTimestamp();
            var outcome = await engine.CallAsync(PythonCall.Of(algorithm, values, TimeSpan.FromSeconds(30)), CancellationToken.None);
            if (outcome.Error is { } error)
                throw new InvalidOperationException(error.ToString());
            took.Add((Stopwatch.GetElapsedTime(began) - (over ? outcome.Elapsed : TimeSpan.Zero)).TotalMilliseconds);
        }
        return took;
    }

    static void Show(Report report, string name, List<double> ms, string wanted = "")
    {
        var sorted = ms.Order().ToList();
        report.Line(FormattableString.Invariant($"  {name,-44} p50 {sorted[sorted.Count / 2],9:N3} ms   p95 {sorted[sorted.Count * 95 / 100],9:N3} ms   max {sorted[^1],9:N3} ms   {wanted}").TrimEnd());
    }
}
