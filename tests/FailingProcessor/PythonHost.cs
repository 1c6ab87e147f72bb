using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Processors.Analysis.Python;

namespace Pipeline.FailingProcessor;

/// <summary>A host of nothing but Python, with a call in each worker, to be killed: <c>--python FOLDER ALGORITHMS</c>.</summary>
static class PythonHost
{
    public static async Task<int> RunAsync(string folder, string algorithms)
    {
        var options = new PythonOptions { PythonFolder = folder, PythonAlgorithms = algorithms, PythonWorkersMax = 2 };
        using var engine = new PythonEngine(options, TimeProvider.System, NullLogger<PythonEngine>.Instance);
        await engine.StartAsync(CancellationToken.None);
        await engine.Ready;
        var calls = Enumerable.Range(0, options.PythonWorkersMax).Select(_ => engine.CallAsync(PythonCall.Of("blocks_the_alarm", new double[20_000], TimeSpan.FromMinutes(5)), CancellationToken.None)).ToList();
        while (engine.Pool.Idle > 0 || engine.Pool.Living < options.PythonWorkersMax)
            await Task.Delay(10);
        Console.WriteLine($"calls run: {engine.State}");
        foreach (var call in calls)
            Console.WriteLine(await call);
        return 0;
    }
}
