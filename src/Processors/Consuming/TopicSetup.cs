using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace Pipeline.Processors.Consuming;

/// <summary>
/// Makes the consumed topics where they are missing. Log-append time, because the ledger's memory is counted in the broker's time; three
/// replicas of which two must have a record where there are three brokers, because "accepted" is to survive the loss of one.
/// </summary>
sealed class TopicSetup(IAdminClient admin, TopicDescriber describer, NeededTopics topics, TimeProvider clock, ILogger<TopicSetup> log)
{
    const string TimestampType = "message.timestamp.type", LogAppendTime = "LogAppendTime", MinInSync = "min.insync.replicas";
    static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10), Pause = TimeSpan.FromSeconds(2);

    /// <summary>Returns when every topic is there. Waits for a cluster that does not answer.</summary>
    public async Task EnsureAsync(CancellationToken stop)
    {
        while (topics.Options.CreateTopics)
        {
            try
            {
                await CreateAsync();
                break;
            }
            catch (KafkaException e)
            {
                if (await ExistAsync())
                    return;
                log.TopicsNotCreated(e.Error.Reason);
                await Task.Delay(Pause, clock, stop);
            }
        }
        await WarnAsync();
    }

    async Task CreateAsync()
    {
        var brokers = (await admin.DescribeClusterAsync(new DescribeClusterOptions { RequestTimeout = Timeout })).Nodes.Count;
        var configuration = new Dictionary<string, string> { [TimestampType] = LogAppendTime };
        if (brokers >= 3)
            configuration[MinInSync] = "2";
        try
        {
            await admin.CreateTopicsAsync(topics.Names.Select(name => new TopicSpecification
            {
                Name = name, NumPartitions = topics.Options.Partitions, ReplicationFactor = (short)(brokers >= 3 ? 3 : -1), Configs = configuration,
            }), new CreateTopicsOptions { RequestTimeout = Timeout });
        }
        catch (CreateTopicsException e) when (e.Results.All(r => !r.Error.IsError || r.Error.Code == ErrorCode.TopicAlreadyExists))
        {
            // Another host was first, or the topics were there.
        }
    }

    /// <summary>The embedded broker has no admin API; its topics are made with it.</summary>
    async Task<bool> ExistAsync()
    {
        try
        {
            await describer.DescribeAsync(topics.Names, Timeout, CancellationToken.None);
            return true;
        }
        catch (Exception e) when (e is KafkaException or TopicUnavailableException)
        {
            return false;
        }
    }

    /// <summary>A topic that others made may be less safe than one of ours; it is used all the same, and said.</summary>
    async Task WarnAsync()
    {
        try
        {
            foreach (var topic in await admin.DescribeConfigsAsync(topics.Names.Select(name => new ConfigResource { Type = ResourceType.Topic, Name = name }),
                new DescribeConfigsOptions { RequestTimeout = Timeout }))
                if (topic.Entries.TryGetValue(TimestampType, out var type) && type.Value != LogAppendTime)
                    log.TopicTakesProducersTime(topic.ConfigResource.Name, type.Value);
        }
        catch (KafkaException)
        {
            // No right to read it, or no admin API: nothing depends on it.
        }
    }
}

/// <param name="Names">What this process consumes and produces to.</param>
sealed record NeededTopics(KafkaOptions Options, IReadOnlyList<string> Names);
