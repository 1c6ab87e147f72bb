using System.Text.RegularExpressions;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>The engine of a real processor by gRPC, called by Debian's grpcio and, as the docs show it, by npm's grpc-js.</summary>
public sealed class AnalysisGrpcTests
{
    const string Python = "/usr/bin/python3";

    static readonly (string, string) Engine = ("Pipeline__Processors__Roles", "engine"), NoPython = ("Pipeline__Analysis__Python", "off");

    [Fact]
    public async Task The_older_call_works_as_it_did_by_tcp_and_by_a_unix_socket()
    {
        await SkipWithoutGrpcioAsync();
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var socket = $"/tmp/pipeline-test-{Guid.NewGuid():N}.sock";
        var engine = await pipeline.StartProcessorsAsync(Engine, ("Pipeline__Analysis__GrpcSocket", socket));
        await SkipWithoutAlgorithmsAsync(engine);
        await CallAsync((await engine.GrpcAsync()).Authority, "older");
        await CallAsync("unix:" + socket, "older");
        Assert.DoesNotContain("Overriding address", engine.Output, StringComparison.Ordinal);
        Assert.Equal(0, await engine.StopAsync(TimeSpan.FromSeconds(30)));
        Assert.False(File.Exists(socket) || File.Exists(socket + ".lock"));
    }

    [Fact]
    public async Task What_cannot_be_done_has_its_status_and_an_engine_that_is_full_says_when_to_come_again()
    {
        await SkipWithoutGrpcioAsync();
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var engine = await pipeline.StartProcessorsAsync(Engine, NoPython, ("Pipeline__Analysis__GrpcMessageBytesMax", $"{1 << 20}"));
        await Until.TrueAsync("it is ready", TimeSpan.FromSeconds(60), async () => (await PipelineUnderTest.Http.GetAsync(new Uri(engine.Url, "health/ready"))).IsSuccessStatusCode);
        await CallAsync((await engine.GrpcAsync()).Authority, "refusals");
        var small = await pipeline.StartProcessorsAsync(Engine, NoPython, ("Pipeline__Analysis__MaxConcurrent", "1"));
        await CallAsync((await small.GrpcAsync()).Authority, "busy");
        var unready = await pipeline.StartProcessorsAsync(Engine, NoPython, ("Pipeline__Kafka__BootstrapServers", "127.0.0.1:1"));
        await CallAsync((await unready.GrpcAsync()).Authority, "unready");
    }

    [Fact]
    public async Task The_example_of_the_docs_prints_two_clusters()
    {
        var modules = Environment.GetEnvironmentVariable("PIPELINE_TEST_NODE_MODULES") ?? "";
        Assert.SkipUnless(Directory.Exists(Path.Combine(modules, "@grpc", "grpc-js")), "PIPELINE_TEST_NODE_MODULES names no folder with @grpc/grpc-js: ./dev test brings it by npm.");
        var example = Regex.Match(await File.ReadAllTextAsync(Path.Combine(TestServers.Repository, "docs", "algorithms.md"), TestContext.Current.CancellationToken), "(?s)```js\n(.*?)```").Groups[1].Value;
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var engine = await pipeline.StartProcessorsAsync(Engine);
        await SkipWithoutAlgorithmsAsync(engine);
        var (address, script) = ((await engine.GrpcAsync()).Authority, Path.GetTempFileName());
        try
        {
            await File.WriteAllTextAsync(script, example, TestContext.Current.CancellationToken);
            var (exit, output) = await Until.TrueAsync("kmeans is found", TimeSpan.FromSeconds(60),
                () => Bash.RunAsync($"NODE_PATH={modules} ENGINE={address} node {script}", TimeSpan.FromSeconds(60)), a => !a.Output.Contains("unknown_algorithm", StringComparison.Ordinal));
            Assert.True(exit == 0 && output.StartsWith("{\"labels\":[", StringComparison.Ordinal), output);
        }
        finally
        {
            File.Delete(script);
        }
    }

    static async Task CallAsync(string address, string what)
    {
        var (exit, output) = await Bash.RunAsync($"{Python} -B {TestServers.Fixture("grpc/engine.py")} {address} {what}", TimeSpan.FromMinutes(3));
        Assert.True(exit == 0 && output.TrimEnd().EndsWith("all is well", StringComparison.Ordinal), output);
    }

    static async Task SkipWithoutGrpcioAsync()
    {
        var (exit, output) = await Bash.RunAsync($"{Python} -c 'import grpc, google.protobuf'", TimeSpan.FromSeconds(60));
        Assert.SkipWhen(exit != 0, $"apt-get install python3-grpcio: {output.TrimEnd().Split('\n')[^1]}");
    }

    /// <summary>Python starts while the host answers already.</summary>
    static async Task SkipWithoutAlgorithmsAsync(HostProcess engine)
    {
        var health = await Until.TrueAsync("Python has started", TimeSpan.FromSeconds(60), async () => await (await PipelineUnderTest.Http.GetAsync(new Uri(engine.Url, "health"))).Content.ReadAsStringAsync(),
            h => !h.Contains("\"status\":\"starting\"", StringComparison.Ordinal));
        Assert.SkipWhen(health.Contains("\"status\":\"unavailable\"", StringComparison.Ordinal), $"There are no Python algorithms: {health}");
    }
}
