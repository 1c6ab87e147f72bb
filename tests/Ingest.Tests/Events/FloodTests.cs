using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Pipeline.Ingest.Tests.Host;
using Pipeline.Pipeline.Tests.Harness;
using static Pipeline.Ingest.Tests.Events.Bodies;

namespace Pipeline.Ingest.Tests.Events;

/// <summary>A tenant whose events become dead letters, as the processors note it in <c>control.floods</c>.</summary>
public sealed class FloodTests
{
    /// <summary>It is looked for every 2 s; the rest is a busy machine.</summary>
    static readonly TimeSpan Noticed = TimeSpan.FromSeconds(8);

    [Fact]
    public async Task A_flooding_tenant_is_told_to_wait_and_nothing_of_its_batch_is_taken()
    {
        await using var host = await StartAsync();
        await NoteAsync(host, "default", "60 s");
        await RefusedAsync(host);
        var answer = await host.PostAsync(Batch(Performance));
        answer.IsProblem(429, "tenant_flood");
        Assert.InRange(int.Parse(answer.Header("Retry-After")!, CultureInfo.InvariantCulture), 40, 60);
        Assert.Contains("1500 of this tenant's last 2000 records", answer.Json.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Empty(await host.RecordsAsync());

        var health = await host.GetAsync("/health");
        Assert.Equal((200, "degraded"), (health.Status, health.Json.GetProperty("status").GetString()));
        var flood = Assert.Single(health.Json.GetProperty("floods").EnumerateArray());
        Assert.Equal(("default", 1500, 2000), (flood.GetProperty("tenant").GetString(), flood.GetProperty("dead_letters").GetInt32(), flood.GetProperty("records").GetInt32()));
        var metrics = await host.MetricsAsync();
        Assert.Equal(1, metrics.Value("pipeline_ingest_flooding_tenants"));
        Assert.True(metrics.Value("pipeline_ingest_refused_batches_total", "code", "tenant_flood") >= 2);

        await host.Database!.RowsAsync("UPDATE control.floods SET until = now()", _ => 0);
        await AcceptedAsync(host);
        Assert.Single(await host.RecordsAsync());
        Assert.Empty((await host.GetAsync("/health")).Json.GetProperty("floods").EnumerateArray());
    }

    [Fact]
    public async Task It_is_told_before_its_body_is_read()
    {
        await using var host = await StartAsync();
        await NoteAsync(host, "default", "60 s");
        await RefusedAsync(host);
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", host.Process.Url.Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("POST /api/v1/events/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n{"));
        using var reader = new StreamReader(client.GetStream());
        Assert.Equal("HTTP/1.1 429 Too Many Requests", await reader.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(3), TestContext.Current.CancellationToken));
        Assert.Equal(0, (await host.MetricsAsync()).Value("pipeline_ingest_in_flight_bytes"));
    }

    [Fact]
    public async Task Scripts_may_read_that_they_are_to_wait_and_how_long()
    {
        await using var host = await StartAsync();
        await NoteAsync(host, "default", "60 s");
        await RefusedAsync(host);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/events/batch") { Content = new StringContent(Batch(Performance), null, "application/json") };
        request.Headers.Add("Origin", "http://tool.example");
        var answer = await host.SendAsync(request);
        Assert.Equal((429, "http://tool.example"), (answer.Status, answer.Header("Access-Control-Allow-Origin")));
        Assert.Contains("Retry-After", answer.Header("Access-Control-Expose-Headers"), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Another_tenants_flood_and_one_that_is_over_hold_nobody()
    {
        await using var host = await StartAsync();
        await NoteAsync(host, "default", "-1 s");
        await NoteAsync(host, "other", "60 s");
        await Until.TrueAsync("the other's flood is known", Noticed, async () => (await host.MetricsAsync()).Value("pipeline_ingest_flooding_tenants") == 1);
        Assert.Equal(200, (await host.PostAsync(Batch(Performance))).Status);
    }

    [Fact]
    public async Task While_PostgreSQL_hangs_a_known_flood_stands_until_its_time_is_over()
    {
        await using var database = await TestDatabase.CreateAsync($"ingest_flood_{Environment.ProcessId}");
        var (relay, uri) = Relay.Before(database.Uri);
        await using var _ = relay;
        await using var host = await IngestUnderTest.StartAsync(new() { ["Pipeline__Postgres__ConnectionString"] = uri });
        await Until.TrueAsync("the schema is there", TimeSpan.FromSeconds(30), database.HasSchemaAsync);
        await database.RowsAsync(Note, _ => 0, "default", TimeSpan.FromSeconds(15));
        await RefusedAsync(host);
        relay.Hold();
        await Until.TrueAsync("health says that PostgreSQL is away", TimeSpan.FromSeconds(10), async () => !await PostgresIsWellAsync(host));
        (await host.PostAsync(Batch(Performance))).IsProblem(429, "tenant_flood");
        await Until.TrueAsync("it is over", TimeSpan.FromSeconds(18), async () => (await host.PostAsync(Batch(Performance))).Status == 200);
        Assert.False(await PostgresIsWellAsync(host));
    }

    const string Note = "INSERT INTO control.floods (tenant, dead_letters, records, until) VALUES ($1, 1500, 2000, now() + $2)";

    static Task NoteAsync(IngestUnderTest host, string tenant, string remaining) =>
        host.Database!.RowsAsync(Note.Replace("$2", $"interval '{remaining}'", StringComparison.Ordinal), _ => 0, tenant);

    static Task RefusedAsync(IngestUnderTest host) => Until.TrueAsync("the flood is noticed", Noticed, async () => (await host.PostAsync("{}")).Status == 429);

    static Task AcceptedAsync(IngestUnderTest host) => Until.TrueAsync("the flood is over", Noticed, async () => (await host.PostAsync(Batch(Performance))).Status == 200);

    static async Task<bool> PostgresIsWellAsync(IngestUnderTest host) =>
        (await host.GetAsync("/health")).Json.GetProperty("dependencies").GetProperty("postgres") is { ValueKind: System.Text.Json.JsonValueKind.Object } state && state.GetProperty("healthy").GetBoolean();

    static async Task<IngestUnderTest> StartAsync()
    {
        var host = await IngestUnderTest.StartAsync(new() { ["Pipeline__Ingest__AllowedOrigins__0"] = "http://tool.example" }, database: true);
        await Until.TrueAsync("the schema is there", TimeSpan.FromSeconds(30), host.Database!.HasSchemaAsync);
        return host;
    }
}
