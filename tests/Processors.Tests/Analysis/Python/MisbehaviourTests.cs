using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis.Python;

namespace Pipeline.Processors.Tests.Analysis.Python;

/// <summary>Real workers that do what they ought not to: each is a typed error within its deadline, its worker is replaced, and no other call notices.</summary>
[Collection(PythonFolder.Collection)]
public sealed class MisbehaviourTests : IClassFixture<MisbehaviourTests.Running>
{
    static readonly TimeSpan Plenty = TimeSpan.FromSeconds(60), Late = TimeSpan.FromSeconds(5);

    readonly Running _running;
    readonly PythonEngine _engine;

    public MisbehaviourTests(Running running)
    {
        (_running, _engine) = (running, running.Engine);
        PythonFolder.Needs(_engine);
    }

    public sealed class Running : IAsyncLifetime
    {
        internal PythonFolder Folder { get; } = new();

        internal PythonEngine Engine { get; private set; } = null!;

        internal string[] SharedBefore { get; } = Directory.GetFileSystemEntries("/dev/shm");

        public async ValueTask InitializeAsync() => Engine = await Folder.StartAsync();

        public ValueTask DisposeAsync() => Folder.DisposeAsync();
    }

    [Theory]
    [InlineData("leaves_a_child", "LeftProcesses", "processes")]
    [InlineData("leaves_a_daemon", "LeftProcesses", "processes")]
    [InlineData("returns_twice", "LeftProcesses", "processes")]
    [InlineData("writes_garbage", "ProtocolError", "garbage")]
    [InlineData("closes_everything", "Crashed", "")]
    [InlineData("allocates_8_gb", "MemoryLimit", "")]
    [InlineData("allocates_bit_by_bit", "MemoryLimit", "")]
    [InlineData("exits", "Crashed", "exit code 3")]
    [InlineData("segfaults", "Crashed", "signal 11")]
    [InlineData("aborts", "Crashed", "signal")]
    [InlineData("raises_exit", "AlgorithmFailed", "SystemExit: 4")]
    [InlineData("recurses", "AlgorithmFailed", "RecursionError")]
    [InlineData("returns_a_number", "AlgorithmFailed", "int instead of dict")]
    [InlineData("returns_too_much", "ResultTooLarge", "75497472 bytes")]
    public async Task Is_a_typed_error(string algorithm, string code, string words)
    {
        await using var others = Others();
        var outcome = await CallAsync(algorithm, Plenty);
        Assert.Equal(code, outcome.Error?.Code.ToString());
        if (code != "ProtocolError")
            Assert.Contains(words, outcome.Error!.Message, StringComparison.Ordinal);
        await ReplacedAsync(outcome.Worker, unless: code is "ResultTooLarge" || algorithm is "recurses" or "returns_a_number");
    }

    [Theory]
    [InlineData("sleeps", true)]
    [InlineData("sleeps_in_c", true)]
    [InlineData("spins", true)]
    [InlineData("blocks_the_alarm", false)]
    [InlineData("catches_everything", false)]
    public async Task Ends_at_its_deadline(string algorithm, bool byAlarm)
    {
        await using var others = Others();
        var began = System.Diagnostics.Stopwatch.GetTimestamp();
        var outcome = await CallAsync(algorithm, Late);
        var took = System.Diagnostics.Stopwatch.GetElapsedTime(began);
        Assert.Equal(PythonErrorCode.Timeout, outcome.Error?.Code);
        // The alarm's answer has a traceback; a machine that is very busy may need the kill.
        if (!byAlarm)
            Assert.Contains("killed", outcome.Error!.Message, StringComparison.Ordinal);
        Assert.InRange(took, Late - TimeSpan.FromMilliseconds(300), Late + TimeSpan.FromSeconds(2));
        await ReplacedAsync(outcome.Worker);
    }

    [Theory]
    [InlineData("prints")]
    [InlineData("kills_all_it_can")]
    [InlineData("forks_and_waits")]
    public async Task Has_its_result_all_the_same(string algorithm)
    {
        await using var others = Others();
        var outcome = await CallAsync(algorithm, Plenty);
        Assert.Null(outcome.Error);
        Assert.NotNull(outcome.Result);
    }

    [Fact]
    public async Task What_it_printed_last_goes_with_the_crash()
    {
        Assert.Contains("about to read address 0", (await CallAsync("segfaults", Plenty)).Error!.Output, StringComparison.Ordinal);
        Assert.Equal(("good bye", 3), (await CallAsync("exits", Plenty)).Error is { } error ? (error.Output!.Trim(), error.ExitCode) : default);
    }

    [Fact]
    public async Task Opens_no_socket_and_writes_no_file()
    {
        Assert.SkipUnless(_engine.State.Isolation is { } level && level["files"] == "read_only" && level["system_calls"] == "filtered", "this kernel allows neither Landlock nor seccomp");
        var error = (await CallAsync("opens_a_socket", Plenty)).Error!;
        Assert.Equal(PythonErrorCode.AlgorithmFailed, error.Code);
        Assert.Contains("PermissionError", error.Message, StringComparison.Ordinal);
        var here = Path.Combine(_running.Folder.Folder, "kept.txt");
        File.WriteAllText(here, "kept");
        foreach (var (algorithm, path) in new (string, string)[] { ("writes_a_file", "/tmp/pipeline-test-left"), ("writes_a_file", "/dev/shm/pipeline-test-left"), ("writes_a_file", here), ("removes_a_file", here) })
        {
            error = (await CallAsync(algorithm, Plenty, JsonSerializer.Serialize(new { path }))).Error!;
            Assert.Equal(PythonErrorCode.AlgorithmFailed, error.Code);
            Assert.Contains("PermissionError", error.Message, StringComparison.Ordinal);
        }
        Assert.Equal("kept", File.ReadAllText(here));
        Assert.False(File.Exists("/tmp/pipeline-test-left") || File.Exists("/dev/shm/pipeline-test-left"));
        // Whatever this run may have left would be there now.
        Assert.DoesNotContain(Directory.GetFileSystemEntries("/dev/shm").Except(_running.SharedBefore), f => f.Contains("pipeline", StringComparison.Ordinal) || Path.GetFileName(f).StartsWith("psm_", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Sees_no_password_of_ours()
    {
        var shown = (await CallAsync("shows_the_environment", Plenty)).Result!.Json.EnumerateObject().Select(p => p.Name).ToList();
        Assert.DoesNotContain(shown, n => n.StartsWith("PIPELINE", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task Garbage_that_comes_after_the_answer_costs_no_call()
    {
        Assert.Null((await CallAsync("writes_garbage_later", Plenty)).Error);
        // It left a thread: its worker is gone before it writes.
        for (var i = 0; i < 40; i++)
        {
            Assert.Null((await CallAsync("echo", Plenty)).Error);
            await Task.Delay(10);
        }
        Assert.True(_engine.Pool.Retired["threads"] > 0);
    }

    [Fact]
    public async Task A_worker_that_dies_with_shared_memory_leaves_none()
    {
        var large = new double[1024 * 1024];
        for (var i = 0; i < 3; i++)
            Assert.Equal(PythonErrorCode.Crashed, (await _engine.CallAsync(PythonCall.Of("segfaults", large, Plenty), CancellationToken.None)).Error?.Code);
        await Until.TrueAsync("no mapping of a dead worker's memory is left", TimeSpan.FromSeconds(30),
            () => File.ReadLines("/proc/self/maps").Count(l => l.Contains("memfd:pipeline-call", StringComparison.Ordinal)) <= 2);
    }

    [Fact]
    public async Task A_cancelled_call_is_called_so_and_its_worker_replaced()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        var outcome = await _engine.CallAsync(PythonCall.Of("sleeps", new double[] { 1 }, Plenty), stop.Token);
        Assert.Equal(PythonErrorCode.Cancelled, outcome.Error?.Code);
        await ReplacedAsync(outcome.Worker);
    }

    Task<PythonOutcome> CallAsync(string algorithm, TimeSpan deadline, string parameters = "{}") =>
        _engine.CallAsync(PythonCall.Of(algorithm, new double[] { 1, 2, 3 }, deadline, parameters), CancellationToken.None);

    /// <summary>The worker and all that it started are gone, and there are as many as before.</summary>
    async Task ReplacedAsync(int? worker, bool unless = false)
    {
        Assert.NotNull(worker);
        await Until.TrueAsync("no process is left over", TimeSpan.FromSeconds(30), () =>
        {
            var there = _running.Folder.Processes();
            // The zygote, the process outside its namespace, two workers.
            return there.Count <= 4 && (unless || !there.Contains(worker.Value)) && _engine.Pool.Living == 2;
        });
    }

    /// <summary>Calls of somebody else, all the while.</summary>
    OtherCalls Others() => new(_engine);

    sealed class OtherCalls : IAsyncDisposable
    {
        readonly CancellationTokenSource _stop = new();
        readonly Task _calls;

        public OtherCalls(PythonEngine engine) => _calls = Task.Run(async () =>
        {
            var wrong = new List<string>();
            for (var n = 0; n < 3 || !_stop.IsCancellationRequested; n++)
            {
                var outcome = await engine.CallAsync(PythonCall.Of("echo", new double[] { n, 1 }, Plenty), CancellationToken.None);
                if (outcome.Error is not null || outcome.Result!.Json.GetProperty("sum").GetDouble() != n + 1)
                    wrong.Add($"{outcome.Error}");
                await Task.Delay(5);
            }
            Assert.Empty(wrong);
        });

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _calls;
            _stop.Dispose();
        }
    }
}
