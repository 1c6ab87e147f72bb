using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis.Python;

namespace Pipeline.Processors.Tests.Analysis.Python;

[Collection(PythonFolder.Collection)]
public sealed class PythonEngineTests
{
    static readonly TimeSpan Plenty = TimeSpan.FromSeconds(60);

    static Task<PythonOutcome> CallAsync(PythonEngine engine, string algorithm, double[] values, string parameters = "{}", TimeSpan? deadline = null) =>
        engine.CallAsync(PythonCall.Of(algorithm, values, deadline ?? Plenty, parameters), CancellationToken.None);

    [Fact]
    public async Task The_algorithms_of_this_repository_are_found_and_run()
    {
        await using var folder = new PythonFolder(misbehaving: false);
        var engine = await folder.NeededAsync(o => o.PythonAlgorithms = "");
        Assert.Equal(["anomaly_detection", "arima", "dbscan", "kmeans", "linear_regression", "pca", "random_forest", "sentiment_analysis"], engine.Catalogue.Entries.Keys.Order(StringComparer.Ordinal));
        Assert.Empty(engine.Catalogue.Faults);
        Assert.All(engine.Catalogue.Entries.Values, e => Assert.Equal("object", e.Algorithm.Parameters.GetProperty("type").GetString()));
        var outcome = await CallAsync(engine, "kmeans", [1, 2, 3, 4, 5], """{"k": 2}""");
        Assert.Equal(2.5, outcome.Result!.Json.GetProperty("inertia").GetDouble(), 1e-12);
        Assert.Equal("1.1", outcome.Version);
        outcome = await engine.CallAsync(new PythonCall { Algorithm = "sentiment_analysis", Texts = ["VADER is smart, handsome, and funny!", "naïve “quotes” 😀 \u0000"], Deadline = Plenty }, CancellationToken.None);
        Assert.Equal(0.8439, outcome.Result!.Json.GetProperty("scores")[0].GetProperty("compound").GetDouble());
        double[] x = [1, 2, 3, 4], y = [3, 5, 7, 9.5];
        outcome = await engine.CallAsync(new PythonCall { Algorithm = "linear_regression", Columns = [new("x", x), new("y", y)], Deadline = Plenty }, CancellationToken.None);
        Assert.Equal("x", outcome.Result!.Json.GetProperty("coefficients")[1].GetProperty("name").GetString());
        outcome = await CallAsync(engine, "kmeans", [1, 2], """{"k": "two"}""");
        Assert.Equal((PythonErrorCode.InvalidParameters, "/k"), (outcome.Error!.Code, outcome.Error.Path));
        outcome = await CallAsync(engine, "kmeans", [1, double.NaN], """{"k": 1}""");
        Assert.Equal(PythonErrorCode.InvalidInput, outcome.Error!.Code);
        outcome = await CallAsync(engine, "kmean", [1]);
        Assert.Equal(PythonErrorCode.UnknownAlgorithm, outcome.Error!.Code);
        Assert.Contains("near: kmeans", outcome.Error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Numbers_of_any_amount_come_through_as_they_are()
    {
        await using var folder = new PythonFolder();
        var engine = await folder.NeededAsync(o => o.PythonArrayBytesMax = 16 * 1024 * 1024);
        // Below and above what goes through shared memory, and up to the limit.
        foreach (var n in (int[])[0, 1, 8191, 8192, 100_000, 2 * 1024 * 1024])
        {
            var outcome = await CallAsync(engine, "echo", [.. Enumerable.Range(0, n).Select(i => (double)i)]);
            Assert.Null(outcome.Error);
            Assert.Equal((n, (double)n * (n - 1) / 2), (outcome.Result!.Json.GetProperty("n").GetInt32(), outcome.Result.Json.GetProperty("sum").GetDouble()));
        }
        foreach (var n in (int[])[10, 64, 8191, 8192, 2 * 1024 * 1024])
        {
            var result = (await CallAsync(engine, "returns_an_array", [1], $$"""{"n": {{n}}}""")).Result!;
            var numbers = n < 64 ? [.. result.Json.GetProperty("x").EnumerateArray().Select(e => e.GetDouble())] : result.Arrays[result.Json.GetProperty("x").GetProperty("$array").GetInt32()].Values;
            Assert.Equal(Enumerable.Range(0, n).Select(i => (double)i), numbers);
        }
        Assert.Equal(PythonErrorCode.InputTooLarge, (await CallAsync(engine, "echo", new double[(2 * 1024 * 1024) + 1])).Error?.Code);
        Assert.Equal("""{"x":null,"y":[null]}""", (await CallAsync(engine, "returns_nan", [1])).Result!.Json.GetRawText());
    }

    [Fact]
    public async Task Waiting_is_bounded_and_ends_at_the_deadline()
    {
        await using var folder = new PythonFolder();
        var engine = await folder.NeededAsync(o => (o.PythonWorkersMax, o.PythonWaitersMax) = (1, 1));
        var running = CallAsync(engine, "sleeps", [1], """{"s": 3}""");
        await Until.TrueAsync("it runs", Plenty, () => engine.Pool.Idle == 0);
        var waiting = CallAsync(engine, "echo", [1], deadline: TimeSpan.FromSeconds(1));
        await Until.TrueAsync("one waits", Plenty, () => engine.Pool.Waiting == 1 || waiting.IsCompleted);
        if (!waiting.IsCompleted)
            Assert.Equal(PythonErrorCode.Busy, (await CallAsync(engine, "echo", [1])).Error?.Code);
        Assert.Equal(PythonErrorCode.Busy, (await waiting).Error?.Code);
        Assert.Equal(PythonErrorCode.Timeout, (await CallAsync(engine, "echo", [1], deadline: TimeSpan.FromSeconds(-1))).Error?.Code);
        Assert.Null((await running).Error);
        Assert.Null((await CallAsync(engine, "echo", [1])).Error);
    }

    [Fact]
    public async Task Workers_are_replaced_after_so_many_calls()
    {
        await using var folder = new PythonFolder();
        var engine = await folder.NeededAsync(o => (o.PythonWorkersMax, o.PythonWorkerCallsMax) = (1, 5));
        var workers = new List<int?>();
        for (var i = 0; i < 12; i++)
            workers.Add((await CallAsync(engine, "ticks", [1])).Worker);
        Assert.InRange(workers.Distinct().Count(), 3, 4);
        Assert.All(workers.GroupBy(w => w), w => Assert.InRange(w.Count(), 1, 5));
    }

    [Fact]
    public async Task Without_an_interpreter_it_says_which_package_is_missing()
    {
        await using var folder = new PythonFolder();
        var fake = Path.Combine(folder.Folder, "python3");
        File.WriteAllText(fake, "#!/bin/sh\necho 'missing: statsmodels'\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(fake, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var engine = await folder.StartAsync(o => o.PythonInterpreter = fake);
        var error = (await CallAsync(engine, "echo", [1])).Error!;
        Assert.Equal(PythonErrorCode.Unavailable, error.Code);
        Assert.Contains("missing: statsmodels", error.Message, StringComparison.Ordinal);
        engine = await folder.StartAsync(o => o.PythonInterpreter = "/nowhere/python3");
        Assert.Equal(PythonStatus.Unavailable, engine.State.Status);
    }

    [Fact]
    public async Task A_worker_of_another_protocol_version_is_refused_by_name()
    {
        await using var folder = new PythonFolder();
        folder.Write("worker.py", """
            import socket, struct, sys, time
            if "--check" in sys.argv:
                sys.exit(print("ok 3"))
            s = socket.socket(socket.AF_UNIX)
            s.connect(b"\0" + sys.argv[2].encode())
            s.sendall(struct.pack("<4sHHII", b"PLPY", 9, 1, 2, 0) + b"{}")
            time.sleep(60)
            """);
        var engine = await folder.StartAsync(o => (o.PythonFolder, o.PythonInterpreter) = (folder.Folder, "/usr/bin/python3"));
        Assert.Equal(PythonStatus.Restarting, engine.State.Status);
        Assert.Contains("protocol version 9; this host speaks 1", engine.State.Reason, StringComparison.Ordinal);
        Assert.Equal(PythonErrorCode.UnknownAlgorithm, (await CallAsync(engine, "echo", [1])).Error?.Code);
    }

    [Fact]
    public async Task Off_looks_for_nothing()
    {
        using var engine = new PythonEngine(new PythonOptions { Python = PythonUse.Off }, TimeProvider.System, NullLogger<PythonEngine>.Instance);
        await engine.StartAsync(CancellationToken.None);
        await engine.Ready;
        Assert.Equal((PythonStatus.Off, PythonErrorCode.Unavailable), (engine.State.Status, (await CallAsync(engine, "kmeans", [1])).Error!.Code));
    }

    [Fact]
    public void Wrong_options_are_named()
    {
        var options = new PythonOptions { PythonFolder = "/nowhere", PythonAlgorithms = "/nowhere", PythonArrayBytesMax = 65_537 };
        Assert.Equal(["PythonFolder", "PythonAlgorithms", "PythonArrayBytesMax"], options.Validate(new ValidationContext(options)).Select(r => r.MemberNames.Single()));
    }
}
