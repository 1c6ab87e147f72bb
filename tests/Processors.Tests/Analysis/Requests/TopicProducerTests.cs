using System.Reflection;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis.Requests;
using Pipeline.Processors.Failures;
using Pipeline.Processors.Tests.Failures.RabbitMq;

namespace Pipeline.Processors.Tests.Analysis.Requests;

/// <summary>After a fatal error an idempotent producer refuses everything for good.</summary>
public sealed class TopicProducerTests
{
    static readonly TimeSpan Within = TimeSpan.FromSeconds(30);

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_waits_for_a_broken_producer_is_told_at_once_and_the_next_one_takes_what_is_tried_again()
    {
        TestServers.NeedsRealKafka("how many records a topic has");
        await using var topic = await TestTopic.CreateAsync($"results-{Guid.NewGuid():N}", 1);
        await using var relay = new Relay(new Uri($"tcp://{TestServers.Kafka.Split(',')[0]}"));
        relay.Hold();
        using var producer = new TopicProducer(new KafkaOptions { BootstrapServers = $"{new Uri(relay.Uri).Authority}" }, Breaker.NeverOpen("kafka"), NullLogger<TopicProducer>.Instance);
        Task ProduceAsync(params string[] values) => producer.ProduceAsync(topic.Name, [.. values.Select(v => new Message<byte[], byte[]> { Key = "k"u8.ToArray(), Value = System.Text.Encoding.UTF8.GetBytes(v) })], Stop);

        // 1. Two wait for a broker that says nothing.
        Task[] waiting = [ProduceAsync("a", "b"), ProduceAsync("c")];
        await Until.TrueAsync("all three are with the client", Within, () => Client(producer)!.Flush(TimeSpan.Zero) == 3);
        Assert.DoesNotContain(waiting, w => w.IsCompleted);

        // 2. The client breaks. Both are told, before its own time for a delivery is over.
        FatalError.Raise(Client(producer)!.Handle);
        foreach (var one in waiting)
            Assert.NotEqual(ErrorCode.Local_MsgTimedOut, (await Assert.ThrowsAnyAsync<KafkaException>(() => one.WaitAsync(Within))).Error.Code);

        // 3. Its place is free: the same again goes through a new one.
        await Until.TrueAsync("the broken one is out", Within, () => Client(producer) is null);
        relay.GoOn();
        await ProduceAsync("a", "b").WaitAsync(Within);
        await ProduceAsync("c").WaitAsync(Within);
        Assert.Equal(3, (await topic.EndsAsync()).Values.Sum());
    }

    static IProducer<byte[], byte[]>? Client(TopicProducer producer) =>
        (IProducer<byte[], byte[]>?)typeof(TopicProducer).GetField("_producer", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(producer);
}
