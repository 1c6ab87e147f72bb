using System.Diagnostics;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis.Grpc;

namespace Pipeline.Processors.Tests.Analysis.Grpc;

/// <summary>Clients that others wrote: Debian's grpcio, which finds the messages by reflection, and npm's grpc-js, which has the .proto.</summary>
public sealed class GrpcClientTests
{
    const string Python = "/usr/bin/python3";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Grpcio_calls_without_the_proto(bool bySocket)
    {
        var (exit, output) = File.Exists(Python) ? await RunAsync(Python, ["-c", "import grpc, google.protobuf"]) : (1, $"there is no {Python}");
        Assert.SkipWhen(exit != 0, $"apt-get install python3-grpcio: {output.TrimEnd().Split('\n')[^1]}");
        await CallAsync(bySocket, address => RunAsync(Python, ["-B", TestServers.Fixture("grpc/client.py"), address]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Grpc_js_calls_with_the_proto(bool bySocket)
    {
        var modules = Environment.GetEnvironmentVariable("PIPELINE_TEST_NODE_MODULES") ?? "";
        Assert.SkipUnless(Directory.Exists(Path.Combine(modules, "@grpc", "grpc-js")), "PIPELINE_TEST_NODE_MODULES names no folder with @grpc/grpc-js: ./dev test brings it by npm.");
        var protos = Path.Combine(TestServers.Repository, "src", "Processors", "Analysis", "Grpc");
        await CallAsync(bySocket, address => RunAsync("node", [TestServers.Fixture("grpc/client.cjs"), address, protos], ("NODE_PATH", modules)));
    }

    static async Task CallAsync(bool bySocket, Func<string, Task<(int Exit, string Output)>> run)
    {
        var engine = new MeanEngine();
        await using var server = await GrpcServer.StartAsync(app => app.MapAnalytics(engine, () => true, "1.2.3", GrpcServer.Limits));
        var (exit, output) = await run(bySocket ? "unix:" + server.Socket : server.Http2.Authority);
        Assert.True(exit == 0 && output.TrimEnd().EndsWith("all is well", StringComparison.Ordinal), output);
        // What the client gave up was ended here.
        await engine.Cancelled.Task.WaitAsync(TimeSpan.FromSeconds(60));
    }

    static async Task<(int Exit, string Output)> RunAsync(string program, string[] arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        using var process = Process.Start(start)!;
        try
        {
            var (output, error) = (process.StandardOutput.ReadToEndAsync(deadline.Token), process.StandardError.ReadToEndAsync(deadline.Token));
            await process.WaitForExitAsync(deadline.Token);
            return (process.ExitCode, await error + await output);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }
}
