using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace Pipeline.Processors.Consuming;

/// <summary>Makes the consumed topics where they are missing. Log-append time, because the ledger's memory is counted in the broker's time.</summary>
public sealed class TopicSetup(IAdminClient admin, KafkaOptions options, ILogger<TopicSetup> log)
{
    public async Task EnsureAsync()
    {
        if (!options.CreateTopics)
            return;
        var specifications = options.Events.Select(t => new TopicSpecification
        {
            Name = t.Name,
            NumPartitions = options.Partitions,
            ReplicationFactor = -1,
            Configs = new Dictionary<string, string> { ["message.timestamp.type"] = "LogAppendTime" },
        });
        try
        {
            await admin.CreateTopicsAsync(specifications, new CreateTopicsOptions { RequestTimeout = TimeSpan.FromSeconds(10) });
        }
        catch (CreateTopicsException e) when (e.Results.All(r => !r.Error.IsError || r.Error.Code == ErrorCode.TopicAlreadyExists))
        {
            // Another host was first, or the topics were there.
        }
        catch (KafkaException e)
        {
            // The embedded broker has no admin API; its topics are made with it. A topic that is really missing shows as such in /health.
            log.TopicsNotCreated(e.Error.Reason);
        }
    }
}
