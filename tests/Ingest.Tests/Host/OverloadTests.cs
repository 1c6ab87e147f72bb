using System.Net.Sockets;
using System.Text;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Hosting;
using static Pipeline.Ingest.Tests.Events.Bodies;

namespace Pipeline.Ingest.Tests.Host;

/// <summary>A broker that is away, memory that is spent, clients that are slow or gone.</summary>
public sealed class OverloadTests
{
    const string ClosedPort = "127.0.0.1:1";

    [Fact]
    public async Task Without_a_broker_every_event_is_to_be_sent_again()
    {
        await using var host = await IngestUnderTest.StartAsync(new() { ["Pipeline__Kafka__DeliveryTimeout"] = "00:00:01", ["Pipeline__Ingest__RetryAfter"] = "00:00:07" }, kafka: ClosedPort);
        var answer = await host.PostAsync(Batch(Performance, Event("v")));
        answer.IsProblem(503, "broker_unavailable");
        Assert.Equal("7", answer.Header("Retry-After"));
        Assert.Equal(["0 retry not_acknowledged", "1 retry not_acknowledged"], answer.Results);
        Assert.Equal((0, 2), (answer.Json.GetProperty("processed_count").GetInt32(), answer.Json.GetProperty("total_count").GetInt32()));
        // What can never be stored is said at once; what may be is not lost among it.
        var mixed = await host.PostAsync(Batch("{}", Performance));
        Assert.Equal((200, "partial"), (mixed.Status, mixed.Json.GetProperty("status").GetString()));
        Assert.Equal(["0 rejected missing_field", "1 retry not_acknowledged"], mixed.Results);
        (await host.PostAsync(Batch("{}"))).IsProblem(422, "nothing_valid");
        var ready = await host.GetAsync("/health/ready");
        Assert.Equal((503, "not_ready", "kafka does not answer"), (ready.Status, ready.Json.GetProperty("status").GetString(), ready.Json.GetProperty("reason").GetString()));
        Assert.Equal(200, (await host.GetAsync("/health/live")).Status);
        await Until.TrueAsync("health names what is away", TimeSpan.FromSeconds(20), async () =>
            (await host.GetAsync("/health")) is { Status: 503 } health && health.Json.GetProperty("dependencies").GetProperty("kafka") is { ValueKind: System.Text.Json.JsonValueKind.Object } kafka && !kafka.GetProperty("healthy").GetBoolean());
        Assert.Equal(0, (await host.MetricsAsync()).Value("pipeline_ingest_in_flight_bytes"));
    }

    [Fact]
    public async Task When_the_bytes_in_flight_are_spent_clients_are_told_to_wait()
    {
        await using var host = await IngestUnderTest.StartAsync(new()
        {
            ["Pipeline__Kafka__DeliveryTimeout"] = "00:00:05", ["Pipeline__Ingest__InFlightBytesMax"] = "1048576", ["Pipeline__Ingest__BodyBytesMax"] = "1000000",
        }, kafka: ClosedPort);
        var body = (Batch(Performance)[..^1] + ",\"x\":\"" + new string('x', 400_000) + "\"}").Bytes();
        var waiting = new[] { host.PostAsync(body), host.PostAsync(body) };
        await Until.TrueAsync("two bodies are in flight", TimeSpan.FromSeconds(5), async () => (await host.MetricsAsync()).Value("pipeline_ingest_in_flight_bytes") > 800_000);
        var refused = await host.PostAsync(body);
        refused.IsProblem(503, "overloaded");
        Assert.Equal("2", refused.Header("Retry-After"));
        foreach (var answer in await Task.WhenAll(waiting))
            answer.IsProblem(503, "broker_unavailable");
        var metrics = await host.MetricsAsync();
        Assert.Equal((0, 1_048_576, 1), (metrics.Value("pipeline_ingest_in_flight_bytes"), metrics.Value("pipeline_ingest_in_flight_limit_bytes"), metrics.Value("pipeline_ingest_refused_batches_total", "code", "overloaded")));
    }

    [Fact]
    public async Task A_batch_that_is_told_to_wait_leaves_nothing_behind_and_scripts_may_read_why()
    {
        await using var host = await IngestUnderTest.StartAsync(new()
        {
            ["Pipeline__Ingest__InFlightBytesMax"] = "1048576", ["Pipeline__Ingest__BodyBytesMax"] = "1000000", ["Pipeline__Ingest__AllowedOrigins__0"] = "http://tool.example",
        });
        using (var slow = await ConnectAsync(host))
        {
            await slow.GetStream().WriteAsync(Encoding.ASCII.GetBytes("POST /api/v1/events/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 999999\r\n\r\n{"));
            await Until.TrueAsync("its bytes are reserved", TimeSpan.FromSeconds(5), async () => (await host.MetricsAsync()).Value("pipeline_ingest_in_flight_bytes") > 900_000);
            using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/events/batch") { Content = new StringContent(Batch(Performance) + new string(' ', 100_000), null, "application/json") };
            request.Headers.Add("Origin", "http://tool.example");
            var refused = await host.SendAsync(request);
            refused.IsProblem(503, "overloaded");
            Assert.Equal(("2", "http://tool.example"), (refused.Header("Retry-After"), refused.Header("Access-Control-Allow-Origin")));
            Assert.Contains("Retry-After", refused.Header("Access-Control-Expose-Headers"), StringComparison.OrdinalIgnoreCase);
            Assert.Empty(await host.RecordsAsync());
            slow.LingerState = new LingerOption(true, 0);
        }
        await Until.TrueAsync("there is room again", TimeSpan.FromSeconds(10), async () => (await host.PostAsync(Batch(Performance) + new string(' ', 100_000))).Status == 200);
        Assert.Single(await host.RecordsAsync());
    }

    [Fact]
    public async Task Clients_that_go_away_give_their_bytes_back()
    {
        var host = await SharedHost.GetAsync();
        for (var i = 0; i < 20; i++)
        {
            using var client = await ConnectAsync(host);
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("POST /api/v1/events/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 500000\r\n\r\n{\"batch_id\":"));
            client.LingerState = new LingerOption(true, 0);
        }
        await Until.TrueAsync("no byte is in flight", TimeSpan.FromSeconds(20), async () => (await host.MetricsAsync()).Value("pipeline_ingest_in_flight_bytes") == 0);
        Assert.Equal(200, (await host.PostAsync(Batch(Performance))).Status);
        Assert.Null(host.Process.Find("Unhandled exception", "An unhandled exception"));
    }

    [Fact]
    public async Task A_body_that_does_not_come_is_answered_408()
    {
        var host = await SharedHost.GetAsync();
        using var client = await ConnectAsync(host);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("POST /api/v1/events/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"));
        using var reader = new StreamReader(client.GetStream());
        var answer = await reader.ReadToEndAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        Assert.StartsWith("HTTP/1.1 408 ", answer, StringComparison.Ordinal);
        Assert.Contains("application/problem+json", answer, StringComparison.Ordinal);
        Assert.Contains("\"code\":\"slow_body\"", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stop_answers_what_was_received_and_ends_in_order()
    {
        await using var host = await IngestUnderTest.StartAsync();
        Assert.Equal(200, (await host.PostAsync(Batch(Performance))).Status);
        Assert.Equal(0, await host.Process.StopAsync(TimeSpan.FromSeconds(30)));
        Assert.Single(await host.RecordsAsync());
    }

    static async Task<TcpClient> ConnectAsync(IngestUnderTest host)
    {
        var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", host.Process.Url.Port);
        return client;
    }
}
