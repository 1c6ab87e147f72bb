using Confluent.Kafka;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>Producers may use transactions: what was aborted is never stored, and every offset without a record is counted as absent.</summary>
public sealed class TransactionTests
{
    const int Partitions = 3, PerTransaction = 40;

    [Fact]
    public async Task Aborted_records_are_never_stored_and_markers_count_as_absent_also_at_the_logs_end()
    {
        TestServers.NeedsRealKafka("transactions");
        var random = Seeds.Next();
        await using var pipeline = await PipelineUnderTest.CreateAsync(Partitions);
        await pipeline.StartProcessorsAsync();
        using var producer = Transactional(pipeline.Topic.Name);
        List<RawEvent> committed = [];
        foreach (var (events, number) in RealEvents.Sample(30 * PerTransaction).Chunk(PerTransaction).Select((e, i) => (e, i)))
        {
            // The last two are aborted, so that each log they touch ends with markers.
            var commits = number < 28 && random.Next(3) > 0;
            Run(producer, pipeline.Topic.Name, events, commits);
            if (commits)
                committed.AddRange(events);
        }
        await AssertAsync(pipeline, committed);
    }

    [Fact]
    public async Task A_log_of_markers_and_aborted_records_alone_is_passed_to_its_end()
    {
        TestServers.NeedsRealKafka("transactions");
        await using var pipeline = await PipelineUnderTest.CreateAsync(Partitions);
        using var producer = Transactional(pipeline.Topic.Name);
        foreach (var events in RealEvents.Sample(4 * PerTransaction).Chunk(PerTransaction))
            Run(producer, pipeline.Topic.Name, events, commits: false);
        await pipeline.StartProcessorsAsync();
        await AssertAsync(pipeline, []);
    }

    [Fact]
    public async Task An_open_transaction_holds_its_partition_and_nothing_else_until_it_ends()
    {
        TestServers.NeedsRealKafka("transactions");
        await using var pipeline = await PipelineUnderTest.CreateAsync(Partitions);
        await pipeline.StartProcessorsAsync();
        var events = RealEvents.Sample(300);
        using var producer = Transactional(pipeline.Topic.Name);
        producer.BeginTransaction();
        Produce(producer, new TopicPartition(pipeline.Topic.Name, 0), events.Take(100));
        producer.Flush(TimeSpan.FromSeconds(30));
        await pipeline.Topic.PublishAsync(events.Skip(100).Select((e, i) => new TopicRecord(e.Key, e.Bytes, i % Partitions)));
        var elsewhere = events.Skip(100).Where((_, i) => i % Partitions > 0).Count();
        await pipeline.PassedAtLeastAsync(elsewhere);
        Assert.Equal(0, (await pipeline.Database.NextOffsetsAsync())[0]);
        producer.CommitTransaction(TimeSpan.FromSeconds(30));
        await AssertAsync(pipeline, events);
    }

    static async Task AssertAsync(PipelineUnderTest pipeline, IReadOnlyCollection<RawEvent> committed)
    {
        await pipeline.Topic.TransactionsEndedAsync();
        var offsets = (await pipeline.Topic.EndsAsync()).Values.Sum();
        await new Expected(committed, committed.Count) { Absent = offsets - committed.Count }.AssertStoredAsync(pipeline);
    }

    static IProducer<byte[], byte[]> Transactional(string topic)
    {
        var settings = TestTopic.ProducerSettings();
        settings.TransactionalId = "of-" + topic;
        var producer = new ProducerBuilder<byte[], byte[]>(settings).SetLogHandler((_, _) => { }).Build();
        producer.InitTransactions(TimeSpan.FromSeconds(30));
        return producer;
    }

    static void Run(IProducer<byte[], byte[]> producer, string topic, IEnumerable<RawEvent> events, bool commits)
    {
        producer.BeginTransaction();
        Produce(producer, new TopicPartition(topic, Partition.Any), events);
        producer.Flush(TimeSpan.FromSeconds(30));
        if (commits)
            producer.CommitTransaction(TimeSpan.FromSeconds(30));
        else
            producer.AbortTransaction(TimeSpan.FromSeconds(30));
    }

    static void Produce(IProducer<byte[], byte[]> producer, TopicPartition to, IEnumerable<RawEvent> events)
    {
        foreach (var e in events)
            producer.Produce(to, new Message<byte[], byte[]> { Key = e.Key, Value = e.Bytes });
    }
}
