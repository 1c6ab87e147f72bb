using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>A record as a test publishes it. Without a partition its key decides, as the clients of other languages do it.</summary>
public sealed record TopicRecord(byte[]? Key, byte[]? Value, int? Partition = null, Headers? Headers = null);

/// <summary>A topic of one test.</summary>
public sealed class TestTopic : IAsyncDisposable
{
    static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    readonly IAdminClient _admin;
    readonly string _servers;
    readonly bool _isEmbedded;
    IProducer<byte[], byte[]>? _producer;

    TestTopic(string name, string? servers)
    {
        (Name, _servers, _isEmbedded) = (name, servers ?? TestServers.Kafka, servers is null && TestServers.IsEmbedded);
        _admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = _servers, AllowAutoCreateTopics = true }).SetLogHandler((_, _) => { }).Build();
    }

    public string Name { get; }

    public int Partitions { get; private set; }

    /// <param name="servers">Other brokers than the run's.</param>
    public static async Task<TestTopic> CreateAsync(string name, int partitions, string? servers = null)
    {
        var topic = new TestTopic(name, servers);
        if (topic._isEmbedded)
            await Until.TrueAsync($"topic {name} exists", Deadline, () => topic.CountPartitions() > 0);
        else
            await topic.MakeAsync(partitions);
        topic.Partitions = topic.CountPartitions();
        return topic;
    }

    /// <summary>A topic that the product is to make.</summary>
    public static TestTopic Awaited(string name, string servers) => new(name, servers);

    public async Task MadeAsync(int partitions)
    {
        using var quiet = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = _servers, AllowAutoCreateTopics = false }).SetLogHandler((_, _) => { }).Build();
        await Until.TrueAsync($"topic {Name} is made", Deadline, () => quiet.GetMetadata(TimeSpan.FromSeconds(10)).Topics.Exists(t => t.Topic == Name && t.Partitions.Count == partitions));
        Partitions = partitions;
    }

    /// <summary>A setting of the topic that is a time.</summary>
    public async Task<long> SettingMsAsync(string name) =>
        long.Parse((await _admin.DescribeConfigsAsync([new ConfigResource { Type = ResourceType.Topic, Name = Name }]))[0].Entries[name].Value, System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Asks the brokers who leads, after one of them was started again.</summary>
    public Task RefreshAsync() => Task.Run(CountPartitions);

    int CountPartitions()
    {
        var topic = _admin.GetMetadata(Name, TimeSpan.FromSeconds(10)).Topics.Single();
        return topic.Error.IsError ? 0 : topic.Partitions.Count;
    }

    async Task MakeAsync(int partitions)
    {
        var specification = new TopicSpecification
        {
            Name = Name,
            NumPartitions = partitions,
            ReplicationFactor = -1,
            Configs = new() { ["message.timestamp.type"] = "LogAppendTime" },
        };
        // A topic that was deleted just now is in the way for a moment.
        await Until.TrueAsync($"topic {Name} is made", Deadline, async () =>
        {
            try
            {
                await _admin.CreateTopicsAsync([specification]);
                return true;
            }
            catch (CreateTopicsException e) when (e.Results[0].Error.Code == ErrorCode.TopicAlreadyExists)
            {
                return false;
            }
        });
        await Until.TrueAsync($"topic {Name} is known", Deadline, () => CountPartitions() == partitions);
    }

    /// <summary>Deletes the topic and makes it again under the same name: another log.</summary>
    public async Task MakeAnewAsync()
    {
        _producer?.Dispose();
        _producer = null;
        await _admin.DeleteTopicsAsync([Name]);
        await MakeAsync(Partitions);
    }

    /// <summary>What retention does: records before these offsets are gone.</summary>
    public Task RemoveBeforeAsync(IEnumerable<KeyValuePair<int, long>> starts) =>
        _admin.DeleteRecordsAsync(starts.Select(s => new TopicPartitionOffset(Name, s.Key, s.Value)));

    /// <summary>One past the last offset of each partition, markers of transactions included.</summary>
    public Task<Dictionary<int, long>> EndsAsync() => EndsAsync(IsolationLevel.ReadUncommitted);

    /// <summary>A producer is told that its transaction has ended before every partition has its marker.</summary>
    public Task TransactionsEndedAsync() => Until.TrueAsync("every transaction has its markers", Deadline, async () =>
    {
        var committed = await EndsAsync(IsolationLevel.ReadCommitted);
        return (await EndsAsync()).All(e => committed[e.Key] == e.Value);
    });

    async Task<Dictionary<int, long>> EndsAsync(IsolationLevel isolation)
    {
        var asked = Enumerable.Range(0, Partitions).Select(p => new TopicPartitionOffsetSpec { TopicPartition = new TopicPartition(Name, p), OffsetSpec = OffsetSpec.Latest() });
        var answer = await _admin.ListOffsetsAsync(asked, new ListOffsetsOptions { IsolationLevel = isolation, RequestTimeout = Deadline });
        return answer.ResultInfos.ToDictionary(r => r.TopicPartitionOffsetError.Partition.Value, r => r.TopicPartitionOffsetError.Offset.Value);
    }

    /// <summary>Publishes in this order and returns when the broker has acknowledged every record.</summary>
    public async Task PublishAsync(IEnumerable<TopicRecord> records)
    {
        var producer = _producer ??= new ProducerBuilder<byte[], byte[]>(ProducerSettings(_servers)).SetLogHandler((_, _) => { }).Build();
        var pending = 1L;
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Error? failed = null;
        void CountDown()
        {
            if (Interlocked.Decrement(ref pending) == 0)
                done.SetResult();
        }
        foreach (var record in records)
        {
            Interlocked.Increment(ref pending);
            producer.Produce(new TopicPartition(Name, record.Partition ?? Partition.Any), new Message<byte[], byte[]> { Key = record.Key!, Value = record.Value!, Headers = record.Headers }, report =>
            {
                if (report.Error.IsError)
                    failed = report.Error;
                CountDown();
            });
        }
        CountDown();
        await done.Task.WaitAsync(Deadline);
        Assert.Null(failed);
    }

    public static ProducerConfig ProducerSettings(string? servers = null) => new()
    {
        BootstrapServers = servers ?? TestServers.Kafka,
        Acks = Acks.All,
        EnableIdempotence = true,
        LingerMs = 5,
        CompressionType = CompressionType.Lz4,
        Partitioner = Partitioner.Murmur2Random,
        QueueBufferingMaxMessages = 1_000_000,
        QueueBufferingMaxKbytes = 1024 * 1024,
    };

    public async ValueTask DisposeAsync()
    {
        _producer?.Dispose();
        if (!_isEmbedded)
            await _admin.DeleteTopicsAsync([Name]);
        _admin.Dispose();
    }
}
