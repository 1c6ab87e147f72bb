using System.Diagnostics;
using System.Net.Sockets;

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>An InfluxDB of one test, which it may kill and start again. Only where the toolbox has one.</summary>
sealed class OwnInflux : IAsyncDisposable
{
    const string Token = "pipeline-dev-token", Org = "pipeline";

    readonly string _script;
    readonly string _folder = Directory.CreateTempSubdirectory("pipeline-influx-").FullName;
    readonly int _port = TestServers.FreePort();

    OwnInflux(string script) => _script = script;

    public static async Task<OwnInflux> StartAsync()
    {
        var script = TestServers.Toolbox is { } toolbox ? Path.Combine(toolbox, "influxdb", "influxdb") : "";
        if (!File.Exists(script))
            Assert.Skip("killing InfluxDB: PIPELINE_TOOLBOX holds none that this test could start for itself.");
        var influx = new OwnInflux(script);
        await influx.RunAsync("start");
        return influx;
    }

    public Task<InfluxStore> NewStoreAsync() => InfluxStore.CreateAsync($"b{Guid.NewGuid():N}", new Uri($"http://127.0.0.1:{_port}"), Token, Org, isV1: false);

    public Task KillAsync() => RunAsync("kill");

    public Task StartAgainAsync() => RunAsync("start");

    async Task RunAsync(string verb)
    {
        string[] arguments = verb == "start" ? [_script, verb, "--dir", _folder, "--port", $"{_port}"] : [_script, verb, "--dir", _folder];
        // No pipes: the server would inherit and hold them.
        using var process = Process.Start(new ProcessStartInfo("bash", ["-c", "exec \"$@\" >/dev/null 2>&1", "influxdb", .. arguments]))!;
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await process.WaitForExitAsync(deadline.Token);
        Assert.Equal(0, process.ExitCode);
    }

    public async ValueTask DisposeAsync() => await RunAsync("wipe");
}
