using System.Diagnostics;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis.Python;

namespace Pipeline.Processors.Tests.Analysis.Python;

[Collection(PythonFolder.Collection)]
public sealed class PythonFaultTests
{
    static readonly TimeSpan Plenty = TimeSpan.FromMinutes(2);

    static Task<PythonOutcome> CallAsync(PythonEngine engine, string algorithm) => engine.CallAsync(PythonCall.Of(algorithm, new double[] { 1, 2 }, Plenty), CancellationToken.None);

    [Fact]
    public async Task A_thousand_crashes_in_a_row_cost_a_thousand_calls_and_nothing_else()
    {
        const int crashes = 1000;
        await using var folder = new PythonFolder();
        var engine = await folder.NeededAsync();
        Assert.Null((await CallAsync(engine, "echo")).Error);
        var began = Stopwatch.GetTimestamp();
        for (var i = 0; i < crashes; i++)
        {
            var error = (await CallAsync(engine, "segfaults")).Error;
            Assert.Equal((PythonErrorCode.Crashed, 11), (error?.Code, error?.Signal));
        }
        Seeds.Say($"{crashes} crashes took {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s");
        Assert.Null((await CallAsync(engine, "echo")).Error);
        Assert.Equal(0, engine.State.Restarts);
        await Until.TrueAsync("no process and no descriptor is left", TimeSpan.FromSeconds(30), () => folder.Processes().Count <= 4 && Memories() <= 2);
    }

    [Fact]
    public async Task A_killed_zygote_is_started_again_and_only_running_calls_are_lost()
    {
        await using var folder = new PythonFolder();
        var engine = await folder.NeededAsync();
        var before = folder.Processes();
        var running = CallAsync(engine, "sleeps");
        await Until.TrueAsync("it runs", Plenty, () => engine.Pool.Idle == 1);
        using (var outer = Process.GetProcessById(engine.State.Process!.Value))
            outer.Kill();
        Assert.Equal(PythonErrorCode.Crashed, (await running).Error?.Code);
        // This one waits for the next zygote.
        Assert.Null((await CallAsync(engine, "echo")).Error);
        Assert.Equal((PythonStatus.Ready, 1), (engine.State.Status, engine.State.Restarts));
        await Until.TrueAsync("nothing of the first is left", TimeSpan.FromSeconds(10), () => !folder.Processes().Intersect(before).Any());
    }

    [Fact]
    public async Task A_killed_host_leaves_no_worker()
    {
        await using var folder = new PythonFolder();
        await folder.NeededAsync(o => o.PythonWorkersMax = 1);
        var own = folder.Processes().Count;
        await using var host = new HostProcess("FailingProcessor", [], "--python", Path.Combine(TestServers.Repository, "python"), folder.Folder);
        await host.LoggedAsync("calls run", Plenty);
        Assert.InRange(folder.Processes().Count - own, 5, 8);
        var began = Stopwatch.GetTimestamp();
        await host.KillAsync();
        // The host's own command line names the folder too.
        await Until.TrueAsync("no worker is left", TimeSpan.FromSeconds(2), () => folder.Processes().Count <= own);
        Seeds.Say($"gone after {Stopwatch.GetElapsedTime(began).TotalMilliseconds:F0} ms");
    }

    static int Memories() => new DirectoryInfo("/proc/self/fd").EnumerateFiles().Count(f => f.LinkTarget?.Contains("memfd:pipeline-call", StringComparison.Ordinal) == true);
}
