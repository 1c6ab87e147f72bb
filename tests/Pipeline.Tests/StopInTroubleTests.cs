using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>What a stop promises when something does not go along: readiness first, the budget kept, and an end at the second signal.</summary>
public sealed class StopInTroubleTests
{
    const int SigInt = 2;
    const string Stopping = "Application is shutting down";

    /// <summary>Above the budget: 5 s to close, 2 s until the process ends itself, and a busy machine.</summary>
    static readonly TimeSpan Closing = TimeSpan.FromSeconds(9);

    /// <summary>"At once" on a busy machine.</summary>
    static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(3);

    static readonly (string, string)[] KafkaIsAway = [("Pipeline__Kafka__BootstrapServers", "127.0.0.1:1")];

    [Fact]
    public async Task Ingest_says_that_it_is_not_ready_while_it_still_answers()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var ingest = await pipeline.StartIngestAsync(("Pipeline__Ingest__StopDelay", "00:00:05"));
        ingest.Signal(HostProcess.SigTerm);
        await Until.TrueAsync("readiness is false", AtOnce, async () => await StatusAsync(ingest, "health/ready") == (503, "stopping"));
        using var answer = await PostAsync(ingest);
        Assert.True(answer.IsSuccessStatusCode);
        Assert.Equal((503, "stopping"), await StatusAsync(ingest, "health/ready"));
        Assert.Equal(0, await ingest.ExitAsync(TimeSpan.FromSeconds(20)));
        Assert.Equal(1, (await pipeline.Topic.EndsAsync()).Values.Sum());
    }

    [Fact]
    public async Task Processors_say_that_they_are_not_ready_while_they_still_store()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(2);
        var processor = await pipeline.StartProcessorsAsync(("Pipeline__Processors__StopDelay", "00:00:06"));
        await Until.TrueAsync("the processor is ready", TimeSpan.FromSeconds(30), async () => (await StatusAsync(processor, "health/ready")).Status == 200);
        await pipeline.Topic.PublishAsync(Load.Records(RealEvents.Sample(50), 1, 2, Seeds.Next()));
        await pipeline.PassedAtLeastAsync(50);
        processor.Signal(HostProcess.SigTerm);
        await Until.TrueAsync("readiness is false", AtOnce, async () => (await StatusAsync(processor, "health/ready")).Status == 503);
        await pipeline.Topic.PublishAsync(Load.Records(RealEvents.Sample(50), 1, 2, Seeds.Next()));
        await pipeline.PassedAtLeastAsync(100, AtOnce);
        Assert.Equal(200, (await StatusAsync(processor, "health/live")).Status);
        Assert.Equal(0, await processor.ExitAsync(TimeSpan.FromSeconds(20)));
    }

    [Theory]
    [InlineData(HostProcess.SigTerm)]
    [InlineData(SigInt)]
    public async Task A_second_signal_ends_Ingest_at_once_while_it_waits_for_a_broker_that_is_away(int signal)
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var ingest = await pipeline.LaunchIngestAsync(KafkaIsAway);
        var waiting = PostAsync(ingest);
        await InFlightAsync(ingest, 1);
        ingest.Signal(HostProcess.SigTerm);
        await ingest.LoggedAsync(Stopping, AtOnce);
        Assert.False(ingest.HasExited);
        ingest.Signal(signal);
        Assert.Equal(128 + signal, await ingest.ExitAsync(AtOnce));
        await Assert.ThrowsAsync<HttpRequestException>(() => waiting);
    }

    [Fact]
    public async Task Without_a_broker_Ingest_answers_every_request_that_it_has_and_keeps_its_budget()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var ingest = await pipeline.LaunchIngestAsync([.. KafkaIsAway, ("Pipeline__Kafka__DeliveryTimeout", "00:00:03"), ("Pipeline__Ingest__StopBudget", "00:00:05")]);
        var waiting = Enumerable.Range(0, 4).Select(_ => PostAsync(ingest)).ToArray();
        await InFlightAsync(ingest, 4);
        // A client that never ends its body cannot hold the stop.
        using var slow = new TcpClient();
        await slow.ConnectAsync("127.0.0.1", ingest.Url.Port);
        await slow.GetStream().WriteAsync(Encoding.ASCII.GetBytes("POST /api/v1/events/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 50000\r\n\r\n{"));
        Assert.Equal(0, await ingest.StopAsync(TimeSpan.FromSeconds(1 + 5) + Closing));
        foreach (var answer in await Task.WhenAll(waiting))
            using (answer)
                Assert.Equal((503, true), ((int)answer.StatusCode, answer.Headers.RetryAfter is not null));
    }

    [Fact]
    public async Task When_PostgreSQL_hangs_the_processors_keep_their_budget_and_nothing_of_the_broken_batch_counts()
    {
        var random = Seeds.Next();
        await using var pipeline = await PipelineUnderTest.CreateAsync(4);
        var (relay, uri) = Relay.Before(pipeline.Database.Uri);
        await using var _ = relay;
        var events = RealEvents.Sample(4_000);
        var records = Load.Records(events, 1, 4, random);
        var processor = await pipeline.StartProcessorsAsync(("Pipeline__Postgres__ConnectionString", uri), ("Pipeline__Processors__StopBudget", "00:00:02"));
        await pipeline.Topic.PublishAsync(records.Take(2_000));
        await pipeline.PassedAtLeastAsync(1);
        relay.Hold();
        await pipeline.Topic.PublishAsync(records.Skip(2_000));
        var started = Stopwatch.GetTimestamp();
        Assert.Equal(0, await processor.StopAsync(TimeSpan.FromSeconds(2) + Closing));
        Seeds.Say($"stopped after {Stopwatch.GetElapsedTime(started).TotalSeconds:F1} s");
        await pipeline.StartProcessorsAsync();
        await new Expected(events, events.Count).AssertStoredAsync(pipeline);
    }

    [Fact]
    public async Task A_second_signal_ends_processors_at_once_that_wait_for_a_lock()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var processor = await pipeline.StartProcessorsAsync();
        await pipeline.Topic.PublishAsync(Load.Records(RealEvents.Sample(10), 1, 1, Seeds.Next()));
        await pipeline.PassedAtLeastAsync(10);
        await using var held = await pipeline.Database.LockAsync("rev_1.event_ledger");
        await pipeline.Topic.PublishAsync(Load.Records(RealEvents.Sample(10), 1, 1, Seeds.Next()));
        await Until.TrueAsync("a batch waits for the lock", TimeSpan.FromSeconds(20), async () =>
            await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") > 0);
        processor.Signal(HostProcess.SigTerm);
        await processor.LoggedAsync(Stopping, AtOnce);
        Assert.False(processor.HasExited);
        processor.Signal(HostProcess.SigTerm);
        Assert.Equal(128 + HostProcess.SigTerm, await processor.ExitAsync(AtOnce));
    }

    static Task<HttpResponseMessage> PostAsync(HostProcess ingest)
    {
        var content = new ByteArrayContent(File.ReadAllBytes(TestServers.Fixture("older-client-batch.json")));
        content.Headers.ContentType = new("application/json");
        return PipelineUnderTest.Http.PostAsync(new Uri(ingest.Url, "api/v1/events/batch"), content);
    }

    /// <summary>Waits until this many bodies await the broker.</summary>
    static Task InFlightAsync(HostProcess ingest, int bodies) => Until.TrueAsync($"{bodies} bodies are in flight", TimeSpan.FromSeconds(5), async () =>
    {
        using var health = JsonDocument.Parse(await (await PipelineUnderTest.Http.GetAsync(new Uri(ingest.Url, "health"))).Content.ReadAsStringAsync());
        return health.RootElement.GetProperty("in_flight_bytes").GetInt64() > bodies * new FileInfo(TestServers.Fixture("older-client-batch.json")).Length;
    });

    static async Task<(int Status, string? Reason)> StatusAsync(HostProcess host, string path)
    {
        using var answer = await PipelineUnderTest.Http.GetAsync(new Uri(host.Url, path));
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        return ((int)answer.StatusCode, json.RootElement.TryGetProperty("reason", out var reason) ? reason.GetString() : null);
    }
}
