using System.Net.Http.Json;
using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Servers;

/// <summary>Toxiproxy: stands on the wire between the hosts and one server each, and cuts, delays or swallows on command.</summary>
sealed class OwnProxy
{
    readonly ServerProcess _server;
    readonly HttpClient _http;

    OwnProxy(ServerProcess server, HttpClient http) => (_server, _http) = (server, http);

    public static async Task<OwnProxy> StartAsync(string folder)
    {
        var binary = (await ServerProcess.RunAsync(TimeSpan.FromSeconds(60), ["bash", Path.Combine(Lane.Toolbox, "toxiproxy", "toxiproxy"), "path"])).Trim();
        var port = Ports.Free();
        var server = new ServerProcess(Path.Combine(folder, "toxiproxy.log"), [binary, "-host", "127.0.0.1", "-port", $"{port}"]);
        var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(10) };
        await Until.TrueAsync("toxiproxy answers", TimeSpan.FromSeconds(20), async () =>
        {
            try
            {
                return (await http.GetAsync("/version")).IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });
        return new OwnProxy(server, http);
    }

    /// <summary>Opens a way to a server.</summary>
    /// <returns>The port that clients connect to.</returns>
    public async Task<Wire> OpenAsync(string name, string upstream, int? listen = null)
    {
        var port = listen ?? Ports.Free();
        using var answer = await _http.PostAsJsonAsync("/proxies", new { name, listen = $"127.0.0.1:{port}", upstream, enabled = true });
        answer.EnsureSuccessStatusCode();
        return new Wire(_http, name, port);
    }

    public async Task EndAsync()
    {
        await _server.EndAsync(ServerProcess.SigTerm, TimeSpan.FromSeconds(5));
        _http.Dispose();
    }
}

/// <summary>The way to one server.</summary>
sealed class Wire(HttpClient http, string name, int port)
{
    int _toxics;

    public int Port => port;

    /// <summary>Ends every connection and accepts no new one.</summary>
    public Task CutAsync() => EnableAsync(false);

    public Task MendAsync() => EnableAsync(true);

    /// <summary>Adds this many ms to every answer (or, upstream, to every request).</summary>
    public Task DelayAsync(int latencyMs, bool upstream = false) => AddAsync("latency", upstream, new { latency = latencyMs, jitter = latencyMs / 5 });

    /// <summary>Lets no more bytes through, and ends each connection after this time; 0: never.</summary>
    public Task SwallowAsync(int thenCloseMs, bool upstream = false) => AddAsync("timeout", upstream, new { timeout = thenCloseMs });

    public Task ThrottleAsync(int kilobytesPerSecond, bool upstream = false) => AddAsync("bandwidth", upstream, new { rate = kilobytesPerSecond });

    /// <summary>Takes every toxic away.</summary>
    public async Task ClearAsync()
    {
        using var toxics = JsonDocument.Parse(await http.GetStringAsync($"/proxies/{name}/toxics"));
        foreach (var toxic in toxics.RootElement.EnumerateArray())
            (await http.DeleteAsync($"/proxies/{name}/toxics/{toxic.GetProperty("name").GetString()}")).EnsureSuccessStatusCode();
    }

    async Task AddAsync(string type, bool upstream, object attributes)
    {
        using var answer = await http.PostAsJsonAsync($"/proxies/{name}/toxics", new { name = $"{type}-{Interlocked.Increment(ref _toxics)}", type, stream = upstream ? "upstream" : "downstream", toxicity = 1.0, attributes });
        answer.EnsureSuccessStatusCode();
    }

    async Task EnableAsync(bool enabled)
    {
        using var answer = await http.PostAsJsonAsync($"/proxies/{name}", new { enabled });
        answer.EnsureSuccessStatusCode();
    }
}
