using System.Globalization;
using Confluent.Kafka;
using Microsoft.Extensions.DependencyInjection;
using Pipeline.Ingest.Events;
using Pipeline.Ingest.Tests.Host;
using Pipeline.Pipeline.Tests.Harness;
using static Pipeline.Ingest.Tests.Events.Bodies;

namespace Pipeline.Ingest.Tests.Events;

/// <summary>After a fatal error an idempotent producer refuses everything for good.</summary>
public sealed class EventProducerTests
{
    const string Request = """{"request_id":"broken","algorithm":"sum","input":{"values":[1,1]}}""";

    /// <summary>Longer than the test: no answer in it is that of a time that ran out.</summary>
    static readonly TimeSpan DeliveryTimeout = TimeSpan.FromMinutes(2), Within = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task What_a_broken_producer_had_not_sent_is_answered_retry_and_the_next_one_takes_it()
    {
        TestServers.NeedsRealKafka("how many records a topic has");
        var name = $"broken-{Guid.NewGuid():N}";
        await using var topic = await TestTopic.CreateAsync(name, 1);
        await using var database = await TestDatabase.CreateAsync(name.Replace('-', '_'));
        var broker = TestServers.Kafka.Split(',')[0].Split(':');
        await using var relay = new Relay(broker[0], int.Parse(broker[1], CultureInfo.InvariantCulture));
        relay.Hold();
        await using var host = await IngestInProcess.StartAsync($"127.0.0.1:{relay.Port}", topic.Name, database, DeliveryTimeout);
        var producer = host.Services.GetRequiredService<EventProducer>();
        var batch = Batch(Event("a"), Event("b"), "{}");

        // 1. Two events and a request wait in the client for a broker that says nothing.
        var (posting, asking) = (host.PostAsync("/api/v1/events/batch", batch), host.PostAsync("/api/v1/compute", Request));
        await Until.TrueAsync("the request has its row", Within, async () => await database.ValueAsync<long>("SELECT count(*) FROM control.tasks") == 1);
        using (var client = new DependentProducerBuilder<Null, Null>(producer.Handle).Build())
            await Until.TrueAsync("all three are with the client", Within, () => client.Flush(TimeSpan.Zero) == 3);
        Assert.False(posting.IsCompleted || asking.IsCompleted);

        // 2. The client breaks: nobody waits for what it will not do, and nothing is called accepted.
        FatalError.Raise(producer.Handle);
        Assert.Equal(["0 retry not_acknowledged", "1 retry not_acknowledged", "2 rejected missing_field"], (await posting.WaitAsync(Within)).Results);
        (await asking.WaitAsync(Within)).IsProblem(503, "broker_unavailable");
        Assert.Equal(0, await database.ValueAsync<long>("SELECT count(*) FROM control.tasks"));

        // 3. The broker is back: the same again is accepted by the client that took the broken one's place.
        relay.Release();
        Assert.Equal(["2 rejected missing_field"], (await host.PostAsync("/api/v1/events/batch", batch).WaitAsync(Within)).Results);
        Assert.Equal(202, (await host.PostAsync("/api/v1/compute", Request).WaitAsync(Within)).Status);
        Assert.Equal((1, 3), (await database.ValueAsync<long>("SELECT count(*) FROM control.tasks WHERE state = 1"), (await topic.EndsAsync()).Values.Sum()));
    }
}
