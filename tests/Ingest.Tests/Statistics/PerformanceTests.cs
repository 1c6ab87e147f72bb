using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Pipeline.Ingest.Tests.Host;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Influx;

namespace Pipeline.Ingest.Tests.Statistics;

public sealed class PerformanceTests
{
    const string Nothing = """{"fps":[],"memory_usage":[],"cpu_usage":[],"render_time":[],"network_latency":[],"load_time":[]}""";

    /// <summary>Reading needs none.</summary>
    const string NoKafka = "127.0.0.1:1";

    [Theory]
    [InlineData("range=5y", "invalid_range")]
    [InlineData("range=", "invalid_range")]
    [InlineData("range=24h&range=7d", "invalid_range")]
    [InlineData("range=24h&from=2024-01-01T00:00:00Z", "invalid_range")]
    [InlineData("from=2020-01-01T00:00:00Z&to=2024-01-01T00:00:00Z", "invalid_range")]
    [InlineData("from=then", "invalid_time")]
    [InlineData("user_id=", "invalid_id")]
    [InlineData("tool=%0A", "invalid_id")]
    public async Task A_bad_question_is_told_what_is_allowed(string query, string code) =>
        (await (await SharedHost.GetAsync()).GetAsync($"/api/v1/events/performance/p?{query}")).IsProblem(400, code);

    [Theory]
    [InlineData("a%0Ab")]
    [InlineData("a%7Fb")]
    public async Task An_id_that_can_be_none_is_refused(string id) =>
        (await (await SharedHost.GetAsync()).GetAsync($"/api/v1/events/performance/{id}")).IsProblem(400, "invalid_id");

    [Fact]
    public async Task Without_InfluxDB_configured_the_answer_is_501_and_health_does_not_name_it()
    {
        var host = await SharedHost.GetAsync();
        (await host.GetAsync("/api/v1/events/performance/p")).IsProblem(501, "influx_not_configured");
        Assert.False((await host.GetAsync("/health")).Json.GetProperty("dependencies").TryGetProperty("influxdb", out _));
    }

    [Fact]
    public async Task An_InfluxDB_that_is_down_costs_this_answer_and_nothing_else()
    {
        await using var host = await IngestUnderTest.StartAsync(new() { ["Pipeline__Influx__Url"] = "http://127.0.0.1:1" });
        var answer = await host.GetAsync("/api/v1/events/performance/p");
        answer.IsProblem(503, "store_unavailable");
        Assert.Equal("2", answer.Header("Retry-After"));
        await Until.TrueAsync("health names it", TimeSpan.FromSeconds(20), async () => (await host.GetAsync("/health")).Json.GetProperty("dependencies").TryGetProperty("influxdb", out var state) && state.ValueKind == JsonValueKind.Object);
        var health = await host.GetAsync("/health");
        Assert.Equal((200, "degraded"), (health.Status, health.Json.GetProperty("status").GetString()));
        Assert.False(health.Json.GetProperty("dependencies").GetProperty("influxdb").GetProperty("healthy").GetBoolean());
        Assert.Equal(200, (await host.GetAsync("/health/ready")).Status);
        Assert.Equal(200, (await host.PostAsync(Events.Bodies.Batch(Events.Bodies.Performance))).Status);
    }

    [Fact]
    public async Task An_InfluxDB_that_does_not_answer_in_time_is_503_at_the_deadline()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        await using var host = await IngestUnderTest.StartAsync(new() { ["Pipeline__Influx__Url"] = $"http://{silent.LocalEndpoint}", ["Pipeline__Influx__QueryTimeout"] = "00:00:00.5" }, kafka: NoKafka);
        var started = TimeProvider.System.GetTimestamp();
        (await host.GetAsync("/api/v1/events/performance/p")).IsProblem(503, "store_unavailable");
        Assert.InRange(TimeProvider.System.GetElapsedTime(started).TotalSeconds, 0.4, 20);
    }

    [Fact]
    public async Task A_projects_points_come_as_series_and_an_unknown_projects_as_none()
    {
        await using var store = await InfluxStore.CreateAsync($"ingest-{Guid.NewGuid():N}");
        await using var host = await IngestUnderTest.StartAsync(new(store.Settings), kafka: NoKafka);
        const string metrics = """{"fps":[{"time":"2024-05-01T12:00:00Z","value":50},{"time":"2024-05-01T18:30:00Z","value":60.5}],"memory_usage":[],"cpu_usage":[],"render_time":[],"network_latency":[],"load_time":[{"time":"2024-05-01T12:00:00Z","value":7}]}""";
        foreach (var id in (string[])["plain", "a/b", "a%2Fb", "\") |> drop() //", "'; DROP MEASUREMENT efficiency_events--", "back\\"])
        {
            await WriteAsync(store, id);
            var path = $"/api/v1/events/performance/{Uri.EscapeDataString(id)}?from=2024-05-01T12:00:00Z&to=2024-05-02T12:00:00%2B02:00";
            Assert.Equal($$"""{"project_id":{{JsonSerializer.Serialize(id)}},"time_range":"2024-05-01T12:00:00Z/2024-05-02T10:00:00Z","step_s":300,"metrics":{{metrics}}}""", (await host.GetAsync(path)).Text);
            Assert.Equal(60, (await host.GetAsync(path + "&user_id=v")).Json.GetProperty("metrics").GetProperty("fps")[0].GetProperty("value").GetDouble());
            Assert.Equal(Nothing, (await host.GetAsync(path + "&tool=hammer")).Json.GetProperty("metrics").GetRawText());
        }
        Assert.Equal($$"""{"project_id":"unknown","time_range":"24h","step_s":300,"metrics":{{Nothing}}}""", (await host.GetAsync("/api/v1/events/performance/unknown/")).Text);
        await Until.TrueAsync("InfluxDB is well", TimeSpan.FromSeconds(20), async () => (await host.GetAsync("/health")).Json.GetProperty("dependencies").TryGetProperty("influxdb", out var state)
            && state.ValueKind == JsonValueKind.Object && state.GetProperty("healthy").GetBoolean());
    }

    static async Task WriteAsync(InfluxStore store, string project)
    {
        var lines = new LineProtocol();
        foreach (var (user, fields, time) in ((string, string, string)[])[("u", "fps=40,load_time=7", "2024-05-01T12:00:00Z"), ("v", "fps=60", "2024-05-01T12:04:59Z"), ("u", "fps=60.5", "2024-05-01T18:34:00Z")])
        {
            lines.Raw("efficiency_events,event_type=performance,project_id="u8);
            lines.Tag(Encoding.UTF8.GetBytes(project));
            lines.Raw(Encoding.UTF8.GetBytes($",user_id={user} {fields} {DateTimeOffset.Parse(time, CultureInfo.InvariantCulture).ToUnixTimeSeconds()}000000000\n"));
        }
        using var writer = new InfluxWriter(new InfluxOptions
        {
            Url = store.Url, Api = store.IsV1 ? InfluxApi.V1 : InfluxApi.V2, Token = store.Token, Bucket = store.Bucket, Org = store.Settings["Pipeline__Influx__Org"],
        });
        await writer.WriteAsync(lines.Bytes, TestContext.Current.CancellationToken);
    }
}
