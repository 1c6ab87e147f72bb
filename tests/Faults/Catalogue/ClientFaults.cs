using Confluent.Kafka;
using Pipeline.Faults.Harness;
using Pipeline.Faults.Servers;

namespace Pipeline.Faults.Catalogue;

/// <summary>Every record of the topic comes a second time, bytes and headers alike, while the load goes on.</summary>
sealed class WholeTopicTwice() : Fault("duplicate delivery of the whole topic", 22)
{
    public override IReadOnlyList<Sign> Signs => [Sign.Grows(Sign.Processors, "pipeline_process_offsets_total", "outcome=\"duplicate\""), Sign.Counted(Sign.EventsPostgres, "duplicates")];

    public override TimeSpan Hold => TimeSpan.FromSeconds(3);

    public override async Task InjectAsync(FaultRun run)
    {
        var ends = (await run.Topic.EndsAsync()).Where(e => e.Value > 0).ToDictionary();
        using var consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig { BootstrapServers = run.Brokers, GroupId = $"{run.Topic.Name}-twice", EnableAutoCommit = false }).SetLogHandler((_, _) => { }).Build();
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig { BootstrapServers = run.Brokers, Acks = Acks.All, EnableIdempotence = true, LingerMs = 5 }).SetLogHandler((_, _) => { }).Build();
        consumer.Assign(ends.Keys.Select(p => new TopicPartitionOffset(run.Topic.Name, p, Offset.Beginning)));
        var left = ends.Values.Sum();
        while (left > 0 && consumer.Consume(TimeSpan.FromSeconds(10)) is { } record)
        {
            if (record.Offset >= ends[record.Partition])
                continue;
            left--;
            producer.Produce(record.TopicPartition, new Message<byte[], byte[]> { Key = record.Message.Key, Value = record.Message.Value, Headers = record.Message.Headers });
        }
        if (left > 0)
            throw new TimeoutException($"{left} records of the topic could not be read");
        producer.Flush(TimeSpan.FromSeconds(20));
        consumer.Close();
    }
}

/// <summary>Answers of Ingest are lost on their way, so that clients send again what was accepted; half of the batches come twice at once anyway.</summary>
sealed class ClientRetries() : Fault("client retries after lost answers", 25)
{
    Wire? _wire;

    public override LoadShape Load => new() { ResendShare = 1, TwiceShare = 0.5, DirectPerSecond = 100 };

    public override TimeSpan Hold => TimeSpan.FromSeconds(5);

    public override IReadOnlyList<Sign> Signs => [Sign.Grows(Sign.Processors, "pipeline_process_offsets_total", "outcome=\"duplicate\""), Sign.Counted(Sign.EventsPostgres, "duplicates")];

    public override async Task InjectAsync(FaultRun run)
    {
        _wire = await (await run.Lane.Proxy).OpenAsync($"ingest-{run.Topic.Name}", $"127.0.0.1:{run.Ingest.Url.Port}");
        await _wire.SwallowAsync(300);
        run.IngestAddress = () => new Uri($"http://127.0.0.1:{_wire.Port}");
    }

    public override Task HealAsync(FaultRun run) => _wire!.ClearAsync();
}
