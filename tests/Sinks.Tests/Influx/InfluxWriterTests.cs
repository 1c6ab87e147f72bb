using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Influx;
using static Pipeline.Sinks.Tests.Influx.Points;

namespace Pipeline.Sinks.Tests.Influx;

public sealed class InfluxWriterTests
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    static InfluxOptions Settings() => new()
    {
        Url = TestServers.InfluxUrl,
        Api = TestServers.InfluxIsV1 ? InfluxApi.V1 : InfluxApi.V2,
        Token = TestServers.InfluxToken,
        Org = TestServers.InfluxOrg,
        Bucket = Environment.GetEnvironmentVariable("PIPELINE_TEST_INFLUX_BUCKET") ?? "efficiency_events",
    };

    [Fact]
    public async Task Nasty_texts_come_back_as_they_were_sent()
    {
        using var writer = new InfluxWriter(Settings());
        await writer.PingAsync(Stop);
        var project = "p-" + Guid.NewGuid();
        string[] users =
        [
            "plain", "a b", "a,b", "a=b", "a\"b", "a'b", "a;b%20c", @"back\slash", "é漢😀", "{}[]()", "#comment", " leading", "trailing ", @"c:\new", "a\u0085b", "$1;--",
        ];
        var lines = string.Join('\n', users.Select(u => LineOf(Event("""{"type":"say \"hi\" \\ \n next","x":1.5,"a b,c=d":true}""", user: u, project: project), id: Guid.NewGuid())));
        await writer.WriteAsync(Encoding.UTF8.GetBytes(lines), Stop);
        var found = await RowsAsync(project);
        Assert.Equal(users.Order(StringComparer.Ordinal), found.Select(r => r.User).Order(StringComparer.Ordinal));
        Assert.All(found, r => Assert.Equal("say \"hi\" \\ \n next", r.Type));
    }

    [Fact]
    public async Task An_event_written_again_overwrites_itself()
    {
        using var writer = new InfluxWriter(Settings());
        var project = "p-" + Guid.NewGuid();
        for (var i = 0; i < 3; i++)
        {
            await writer.WriteAsync(Encoding.UTF8.GetBytes(LineOf(Event("""{"type":"t"}""", project: project))), Stop);
            await writer.WriteAsync(Encoding.UTF8.GetBytes(LineOf(Event("""{"type":"t"}""", project: project), id: Guid.Parse("0190a2c4-5b1e-7c3d-8a5f-0123456789ac"))), Stop);
        }
        Assert.Equal(2, (await RowsAsync(project)).Count);
    }

    [Theory]
    [InlineData("no line protocol at all")]
    [InlineData("efficiency_events,a=b count=1i 99999999999999999999999")]
    [InlineData("efficiency_events,a=b count=1x 1")]
    public async Task A_line_that_can_never_be_stored_is_refused(string line)
    {
        using var writer = new InfluxWriter(Settings());
        var refused = await Assert.ThrowsAsync<InfluxRefusedException>(() => writer.WriteAsync(Encoding.UTF8.GetBytes(line), Stop));
        Assert.StartsWith("400", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_bucket_or_a_wrong_token_is_no_fault_of_the_data()
    {
        var settings = Settings();
        settings.Bucket = "missing-" + Guid.NewGuid().ToString("N");
        using var writer = new InfluxWriter(settings);
        await Assert.ThrowsAsync<InfluxUnavailableException>(() => writer.WriteAsync("m f=1"u8.ToArray(), Stop));
        if (TestServers.InfluxIsV1)
            return;
        settings = Settings();
        settings.Token = "wrong";
        using var stranger = new InfluxWriter(settings);
        await Assert.ThrowsAsync<InfluxUnavailableException>(() => stranger.WriteAsync("m f=1"u8.ToArray(), Stop));
    }

    [Fact]
    public async Task A_closed_port_and_a_silent_server_are_unavailable()
    {
        using var silent = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        silent.Start();
        var url = new Uri($"http://{silent.LocalEndpoint}/");
        using (var writer = new InfluxWriter(new InfluxOptions { Url = url, Timeout = TimeSpan.FromMilliseconds(300) }))
        {
            await Assert.ThrowsAsync<InfluxUnavailableException>(() => writer.WriteAsync("m f=1"u8.ToArray(), Stop));
            await Assert.ThrowsAsync<InfluxUnavailableException>(() => writer.PingAsync(Stop));
        }
        silent.Stop();
        using var closed = new InfluxWriter(new InfluxOptions { Url = url });
        await Assert.ThrowsAsync<InfluxUnavailableException>(() => closed.WriteAsync("m f=1"u8.ToArray(), Stop));
        await Assert.ThrowsAsync<InfluxUnavailableException>(() => closed.PingAsync(Stop));
    }

    [Fact]
    public async Task A_stop_is_a_stop_and_not_a_failure_of_the_store()
    {
        using var writer = new InfluxWriter(Settings());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writer.WriteAsync("m f=1"u8.ToArray(), new CancellationToken(canceled: true)));
    }

    sealed record Row(string User, string Type);

    /// <summary>By the v1 query API, which both versions answer: in InfluxDB 2 through its mapping of buckets.</summary>
    static async Task<List<Row>> RowsAsync(string project)
    {
        var settings = Settings();
        using var http = new HttpClient { BaseAddress = settings.Url };
        if (settings.Token.Length > 0)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Token", settings.Token);
        var query = $"SELECT \"type\", \"user_id\" FROM efficiency_events WHERE project_id = '{project}'";
        var answer = await http.GetStringAsync($"query?db={settings.Bucket}&q={Uri.EscapeDataString(query)}", Stop);
        using var json = JsonDocument.Parse(answer);
        Assert.True(json.RootElement.GetProperty("results")[0].TryGetProperty("series", out var series), answer);
        return [.. series[0].GetProperty("values").EnumerateArray().Select(v => new Row(v[2].GetString()!, v[1].GetString()!))];
    }
}
