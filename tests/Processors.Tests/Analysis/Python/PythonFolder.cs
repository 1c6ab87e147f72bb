using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis.Python;

namespace Pipeline.Processors.Tests.Analysis.Python;

/// <summary>A folder of algorithms that a test may change, and engines that run them in real processes.</summary>
sealed class PythonFolder : IAsyncDisposable
{
    /// <summary>Those who start Python do so one after the other: each takes a core or two.</summary>
    public const string Collection = "Python";

    static readonly TimeSpan ReadyWithin = TimeSpan.FromMinutes(2);

    readonly List<PythonEngine> _engines = [];

    /// <param name="misbehaving">Whether the folder begins with tests/Fixtures/python/misbehaving.py.</param>
    public PythonFolder(bool misbehaving = true)
    {
        if (misbehaving)
            File.Copy(TestServers.Fixture("python/misbehaving.py"), Path.Combine(Folder, "misbehaving.py"));
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("pipeline-test-python-").FullName;

    public void Write(string file, string text)
    {
        // By a rename, as an editor saves: nobody reads half a file.
        var next = Path.Combine(Folder, "." + file);
        File.WriteAllText(next, text);
        File.Move(next, Path.Combine(Folder, file), overwrite: true);
    }

    public async Task<PythonEngine> StartAsync(Action<PythonOptions>? set = null)
    {
        var engine = Begin(set);
        await engine.Ready.WaitAsync(ReadyWithin);
        return engine;
    }

    /// <summary>An engine that has just begun to look for an interpreter.</summary>
    public PythonEngine Begin(Action<PythonOptions>? set = null)
    {
        var options = new PythonOptions
        {
            PythonFolder = Path.Combine(TestServers.Repository, "python"),
            PythonAlgorithms = Folder,
            PythonWorkersMax = 2,
            PythonStartTimeout = TimeSpan.FromMinutes(2),
            PythonWatchInterval = TimeSpan.FromMilliseconds(200),
        };
        set?.Invoke(options);
        var engine = new PythonEngine(options, TimeProvider.System, NullLogger<PythonEngine>.Instance);
        _engines.Add(engine);
        // ExecuteAsync yields at once: what is begun here is the wait for nothing.
        _ = engine.StartAsync(CancellationToken.None);
        return engine;
    }

    /// <summary>Where the packages are missing there is nothing to test.</summary>
    public static void Needs(PythonEngine engine) => Assert.SkipWhen(engine.State.Status == PythonStatus.Unavailable, engine.State.Reason);

    /// <summary>An engine, or a skipped test.</summary>
    public async Task<PythonEngine> NeededAsync(Action<PythonOptions>? set = null)
    {
        var engine = await StartAsync(set);
        Needs(engine);
        return engine;
    }

    /// <summary>Processes of this folder's zygotes and workers, as the system sees them: a fork keeps its parent's command line.</summary>
    public List<int> Processes() => [.. from process in Directory.EnumerateDirectories("/proc")
                                        let name = Path.GetFileName(process)
                                        where char.IsAsciiDigit(name[0]) && CommandLine(process).Contains(Folder, StringComparison.Ordinal)
                                        select int.Parse(name, System.Globalization.CultureInfo.InvariantCulture)];

    static string CommandLine(string process)
    {
        try
        {
            // A process that has ended and was not waited for has none.
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var engine in _engines)
        {
            await engine.StopAsync(CancellationToken.None);
            engine.Dispose();
        }
        try
        {
            await Until.TrueAsync("every process of it has ended", TimeSpan.FromSeconds(10), () => Processes().Count == 0);
        }
        finally
        {
            Directory.Delete(Folder, recursive: true);
        }
    }
}
