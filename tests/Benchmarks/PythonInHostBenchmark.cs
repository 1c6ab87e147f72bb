using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Processors.Analysis.Python;

namespace Pipeline.Benchmarks;

/// <summary>
/// What workers in processes of their own are for: the same algorithms in them, and in a host that has libpython in its own process (<see cref="EmbeddedPython"/>). Needs no server, but Debian's libpython3.11.
/// </summary>
static class PythonInHostBenchmark
{
    public const int LeakingCalls = 100, LeakMiB = 8;

    public static readonly string Algorithms = $$"""
        import ctypes, time
        kept = []

        def nothing(data, params):
            return {"n": 0}

        def spin(data, params):
            n = 0
            while n < 8_000_000:
                n += 1
            return {"n": n}

        def leak(data, params):
            kept.append(bytearray(b"x" * {{LeakMiB}} * 1024 * 1024))
            return {"n": len(kept)}

        def sleep(data, params):
            time.sleep(60)

        def native(data, params):
            ctypes.PyDLL(None).sleep(60)

        def crash(data, params):
            ctypes.string_at(0)
        """;

    public static async Task RunAsync(Servers servers, Report report, bool quick)
    {
        var folder = Directory.CreateTempSubdirectory("pipeline-bench-python-").FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "bench.py"), Algorithms);
        try
        {
            var options = new PythonOptions { PythonFolder = Path.Combine(servers.Repository, "python"), PythonAlgorithms = folder, PythonWorkersMax = 2 };
            using var engine = new PythonEngine(options, TimeProvider.System, NullLogger<PythonEngine>.Instance);
            await engine.StartAsync(CancellationToken.None);
            await engine.Ready;
            report.Line($"  load {(await File.ReadAllTextAsync("/proc/loadavg")).Trim()}");
            if (engine.State.Status == PythonStatus.Ready)
                await MeasureAsync(engine, report);
            else
                report.Line($"  NOT measured: {engine.State.Reason}");
            await engine.StopAsync(CancellationToken.None);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    static async Task MeasureAsync(PythonEngine engine, Report report)
    {
        var (_, exit) = await EmbeddedAsync("crash");
        report.Line($"  an algorithm that reads address 0: the host with libpython exits with {exit}; ours has an outcome, {(await CallAsync(engine, "crash", 30)).Outcome.Error?.Code}, and the next call {((await CallAsync(engine, "nothing", 30)).Outcome.Error is null ? "is answered" : "FAILS")}");

        var (threads, _) = await EmbeddedAsync("threads");
        await CallAsync(engine, "spin", 60);
        var clock = Stopwatch.StartNew();
        await CallAsync(engine, "spin", 60);
        await CallAsync(engine, "spin", 60);
        var one = clock.Elapsed.TotalSeconds;
        clock.Restart();
        await Task.WhenAll(CallAsync(engine, "spin", 60), CallAsync(engine, "spin", 60));
        report.Ratio("two calls of pure Python at a time, libpython", threads[0], threads[1], "one after the other ÷ at a time");
        report.Ratio("the same, two workers", one, clock.Elapsed.TotalSeconds, "2 where two cores are free");

        var (memory, _) = await EmbeddedAsync("memory");
        var (host, workers) = (EmbeddedPython.Resident(Environment.ProcessId), Workers());
        var most = workers;
        for (var i = 0; i < LeakingCalls; i++)
        {
            await CallAsync(engine, "leak", 30);
            most = Math.Max(most, Workers());
        }
        report.Line(string.Create(CultureInfo.InvariantCulture, $"  {LeakingCalls} calls that keep {LeakMiB} MiB each: the host with libpython grows from {memory[0]:N0} to {memory[1]:N0} MiB; ours from {host:N0} to {EmbeddedPython.Resident(Environment.ProcessId):N0}, its Python processes from {workers:N0} to {Workers():N0} (most {most:N0})"));

        foreach (var how in new[] { "sleep", "native" })
        {
            var (hang, _) = await EmbeddedAsync(how);
            var ours = await CallAsync(engine, how, 1);
            report.Line(string.Create(CultureInfo.InvariantCulture, $"  a call that hangs ({how}): with libpython another call {Said(hang[0])}, and the hanging one, told to end, {Said(hang[1])}; ours: {ours.Outcome.Error?.Code} after {ours.Seconds:N2} s of a deadline of 1 s"));
        }
    }

    static string Said(double seconds) => double.IsNaN(seconds) ? "has not ended after 5 s" : string.Create(CultureInfo.InvariantCulture, $"ends after {seconds:N3} s");

    static async Task<(PythonOutcome Outcome, double Seconds)> CallAsync(PythonEngine engine, string algorithm, int seconds)
    {
        var clock = Stopwatch.StartNew();
        var outcome = await engine.CallAsync(PythonCall.Of(algorithm, new double[8], TimeSpan.FromSeconds(seconds)), CancellationToken.None);
        return (outcome, clock.Elapsed.TotalSeconds);
    }

    /// <summary>Resident MiB of all descendants; pages that they share are counted for each.</summary>
    static double Workers()
    {
        var parents = new Dictionary<int, int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(n => char.IsAsciiDigit(n![0])))
            try
            {
                var stat = File.ReadAllText($"/proc/{folder}/stat");
                parents[int.Parse(folder!, CultureInfo.InvariantCulture)] = int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
            }
            catch (IOException)
            {
                // It has just ended.
            }
        bool IsOurs(int process) => parents.TryGetValue(process, out var parent) && (parent == Environment.ProcessId || IsOurs(parent));
        return parents.Keys.Where(IsOurs).Sum(EmbeddedPython.Resident);
    }

    static async Task<(double[] Figures, int Exit)> EmbeddedAsync(string mode)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(PythonInHostBenchmark).Assembly.Location, "embedded-python", mode]) { RedirectStandardOutput = true, RedirectStandardError = true };
        // Where Debian's library has its modules; it would look beside the first python3 of the path.
        start.Environment["PYTHONHOME"] = "/usr";
        using var host = Process.Start(start)!;
        var errors = host.StandardError.ReadToEndAsync();
        var said = await host.StandardOutput.ReadToEndAsync();
        await errors;
        await host.WaitForExitAsync();
        return ([.. said.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => double.Parse(l, CultureInfo.InvariantCulture))], host.ExitCode);
    }
}
