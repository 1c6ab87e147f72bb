using System.Net.Http.Json;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Servers;

/// <summary>InfluxDB 2 of this run, from the toolbox.</summary>
sealed class OwnInflux
{
    const string Token = "pipeline-dev-token", Org = "pipeline";

    readonly string _folder, _binary;
    readonly int _port = Ports.Free();
    ServerProcess? _server;

    OwnInflux(string folder, string binary) => (_folder, _binary) = (folder, binary);

    public string Address => $"127.0.0.1:{_port}";

    public static async Task<OwnInflux> StartAsync(string folder)
    {
        var binary = (await ServerProcess.RunAsync(TimeSpan.FromSeconds(60), ["bash", Path.Combine(Lane.Toolbox, "influxdb", "influxdb"), "path"])).Trim();
        var influx = new OwnInflux(Path.Combine(folder, "influx"), binary);
        Directory.CreateDirectory(influx._folder);
        await influx.StartAgainAsync();
        using var http = new HttpClient();
        using var answer = await http.PostAsJsonAsync($"http://{influx.Address}/api/v2/setup", new { username = "admin", password = "pipeline-admin", org = Org, bucket = "unused", token = Token });
        answer.EnsureSuccessStatusCode();
        return influx;
    }

    /// <summary>A bucket as the test sees it: past the proxy.</summary>
    public Task<InfluxStore> NewStoreAsync(string bucket) => InfluxStore.CreateAsync(bucket, new Uri($"http://{Address}"), Token, Org, isV1: false);

    public Task KillAsync() => _server!.EndAsync(ServerProcess.SigKill, TimeSpan.FromSeconds(10));

    public Task MendAsync() => _server is { HasExited: false } ? Task.CompletedTask : StartAgainAsync();

    public async Task StartAgainAsync()
    {
        _server = new ServerProcess(Path.Combine(_folder, "..", "influx.log"),
        [
            _binary, "--http-bind-address", Address, "--engine-path", Path.Combine(_folder, "engine"), "--bolt-path", Path.Combine(_folder, "influxd.bolt"),
            "--sqlite-path", Path.Combine(_folder, "influxd.sqlite"), "--reporting-disabled", "--log-level", "error",
        ]);
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(2) };
        await Until.TrueAsync("InfluxDB is healthy", TimeSpan.FromSeconds(60), async () =>
        {
            try
            {
                return (await http.GetAsync($"http://{Address}/health")).IsSuccessStatusCode;
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                return false;
            }
        });
    }

    public Task EndAsync() => _server?.EndAsync(ServerProcess.SigKill, TimeSpan.FromSeconds(10)) ?? Task.CompletedTask;
}
