using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis.Python;

namespace Pipeline.Processors.Tests.Analysis.Python;

[Collection(PythonFolder.Collection)]
public sealed class DiscoveryTests
{
    static readonly TimeSpan Plenty = TimeSpan.FromSeconds(60);

    static string Version(int n, string wait = "") => $"import time\n\ndef versioned(data, params):\n    {(wait.Length > 0 ? wait : "pass")}\n    return {{'version': {n}}}\n";

    static async Task<int> CallAsync(PythonEngine engine) =>
        (await engine.CallAsync(PythonCall.Of("versioned", new double[] { 1 }, Plenty), CancellationToken.None)) is { Result: { } result } ? result.Json.GetProperty("version").GetInt32() : -1;

    [Fact]
    public async Task A_changed_file_is_a_new_version_and_running_calls_end_on_the_old_one()
    {
        await using var folder = new PythonFolder(misbehaving: false);
        folder.Write("versioned.py", Version(1, "time.sleep(2)"));
        var engine = await folder.NeededAsync(o => o.PythonWorkersMax = 2);
        var running = CallAsync(engine);
        await Until.TrueAsync("it runs", Plenty, () => engine.Pool.Idle == 1);
        folder.Write("versioned.py", Version(2));
        await Until.TrueAsync("the new version answers", Plenty, async () => await CallAsync(engine) == 2);
        Assert.Equal(1, await running);
        folder.Write("another.py", "def another(data: list[float], params: dict) -> dict:\n    return {}\n");
        await Until.TrueAsync("another is found", Plenty, () => engine.Catalogue.Entries.ContainsKey("another"));
        File.Delete(Path.Combine(folder.Folder, "another.py"));
        await Until.TrueAsync("another is gone", Plenty, () => !engine.Catalogue.Entries.ContainsKey("another"));
    }

    [Fact]
    public async Task A_file_that_cannot_be_taken_is_named_and_leaves_the_others()
    {
        await using var folder = new PythonFolder(misbehaving: false);
        folder.Write("versioned.py", Version(1));
        folder.Write("broken.py", "x = 1\n\ndef broken(:\n");
        folder.Write("crashing.py", "import ctypes\nctypes.string_at(0)\n");
        folder.Write("missing.py", "import no_such_package\n");
        folder.Write("nothing.py", "x = 1\n");
        folder.Write("wrong.py", "from pipeline_algorithms import algorithm\n\n@algorithm(version='1', name='Not A Name')\ndef f(given, params):\n    return {}\n");
        folder.Write("zzz.py", Version(9));
        folder.Write("_shared.py", "this is no Python, and nobody imports it");
        var engine = await folder.NeededAsync(o => o.PythonWorkersMax = 1);
        Assert.Equal(1, await CallAsync(engine));
        var faults = engine.Catalogue.Faults.ToDictionary(f => f.File, f => f.Reason);
        Assert.Equal(["broken.py", "crashing.py", "missing.py", "nothing.py", "wrong.py", "zzz.py"], faults.Keys.Order(StringComparer.Ordinal));
        Assert.Contains("broken.py, line 3", faults["broken.py"], StringComparison.Ordinal);
        Assert.Contains("signal 11", faults["crashing.py"], StringComparison.Ordinal);
        Assert.Contains("no_such_package", faults["missing.py"], StringComparison.Ordinal);
        Assert.Contains("Not A Name", faults["wrong.py"], StringComparison.Ordinal);
        Assert.Contains("versioned.py", faults["zzz.py"], StringComparison.Ordinal);
        folder.Write("broken.py", "def broken(data, params): return {}\n");
        await Until.TrueAsync("it is mended", Plenty, () => engine.Catalogue.Entries.ContainsKey("broken") && engine.Catalogue.Faults.All(f => f.File != "broken.py"));
    }

    [Fact]
    public async Task What_algorithms_share_is_read_anew_when_it_changes()
    {
        await using var folder = new PythonFolder(misbehaving: false);
        folder.Write("_shared.py", "VERSION = 1\n");
        folder.Write("versioned.py", "from _shared import VERSION\n\ndef versioned(data, params): return {'version': VERSION}\n");
        var engine = await folder.NeededAsync(o => o.PythonWorkersMax = 2);
        Assert.Equal(1, await CallAsync(engine));
        var renewed = Renewed(engine);
        folder.Write("_shared.py", "VERSION = 22\n");
        // A worker that has not imported it yet may have the new one sooner; from here on none has the old one.
        await Until.TrueAsync("the shared file's change is seen", Plenty, () => Task.FromResult(Renewed(engine) > renewed));
        for (var i = 0; i < 10; i++)
            Assert.Equal(22, await CallAsync(engine));
    }

    [Fact]
    public async Task Python_is_ready_when_its_folder_was_read_and_not_before()
    {
        await using var folder = new PythonFolder(misbehaving: false);
        folder.Write("first.py", "import time\ntime.sleep(2)\n\ndef first(data, params): return {}\n");
        folder.Write("last.py", "def last(data, params): return {}\n");
        var engine = folder.Begin();
        var atReady = await Until.TrueAsync("Python has started", Plenty, () => Task.FromResult((engine.State.Status, Names: engine.Catalogue.Entries.Keys.Order(StringComparer.Ordinal).ToList())),
            s => s.Status is PythonStatus.Ready or PythonStatus.Unavailable);
        PythonFolder.Needs(engine);
        Assert.Equal(["first", "last"], atReady.Names);
    }

    [Fact]
    public async Task A_file_that_was_not_imported_in_time_is_asked_again()
    {
        await using var folder = new PythonFolder(misbehaving: false);
        var go = Path.Combine(folder.Folder, ".go");
        folder.Write("late.py", $"import os, time\n\nwhile not os.path.exists('{go}'):\n    time.sleep(0.01)\n\ndef late(data, params): return {{}}\n");
        var engine = await folder.NeededAsync(o => o.PythonImportTimeout = TimeSpan.FromSeconds(5));
        Assert.Equal(["late.py"], engine.Catalogue.Faults.Select(f => f.File));
        File.WriteAllText(go, "");
        await Until.TrueAsync("it is found", Plenty, () => engine.Catalogue.Entries.ContainsKey("late") && engine.Catalogue.Faults.Count == 0);
    }

    static long Renewed(PythonEngine engine) => engine.Pool.Retired.GetValueOrDefault("renewed");
}
