using System.Diagnostics;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Processors.Tests.Analysis.Python;

/// <summary>The Python side's own tests and types, by Debian's pytest and mypy.</summary>
[Collection(PythonFolder.Collection)]
public sealed class PythonSuiteTests
{
    const string Interpreter = "/usr/bin/python3";

    [Fact]
    public async Task Pytest_passes()
    {
        await NeedsAsync("pytest", "numpy", "scipy", "sklearn", "statsmodels");
        var (exit, output) = await RunAsync("-B", "-m", "pytest", "-q");
        Seeds.Say(output.TrimEnd().Split('\n')[^1]);
        Assert.True(exit == 0, output);
    }

    [Fact]
    public async Task Mypy_finds_nothing_even_when_strict()
    {
        await NeedsAsync("mypy", "numpy", "pytest");
        var cache = Directory.CreateTempSubdirectory("pipeline-test-mypy-").FullName;
        try
        {
            var (exit, output) = await RunAsync("-m", "mypy", "--strict", "--cache-dir", cache);
            Assert.True(exit == 0, output);
        }
        finally
        {
            Directory.Delete(cache, recursive: true);
        }
    }

    static async Task NeedsAsync(params string[] modules)
    {
        var (exit, output) = File.Exists(Interpreter) ? await RunAsync("-c", "import " + string.Join(", ", modules)) : (1, $"there is no {Interpreter}");
        Assert.SkipWhen(exit != 0, $"apt-get install python3-pytest mypy python3-numpy python3-scipy python3-sklearn python3-statsmodels: {output.TrimEnd().Split('\n')[^1]}");
    }

    static async Task<(int Exit, string Output)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo(Interpreter, arguments) { WorkingDirectory = Path.Combine(TestServers.Repository, "python"), RedirectStandardOutput = true, RedirectStandardError = true };
        // One core: two others run tests beside this.
        start.Environment["OPENBLAS_NUM_THREADS"] = "1";
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(deadline.Token), process.StandardError.ReadToEndAsync(deadline.Token));
        await process.WaitForExitAsync(deadline.Token);
        return (process.ExitCode, await output + await error);
    }
}
