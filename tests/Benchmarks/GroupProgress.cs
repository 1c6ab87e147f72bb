using Confluent.Kafka;

namespace Pipeline.Benchmarks;

/// <summary>How many records a consumer group has committed.</summary>
static class GroupProgress
{
    static IAdminClient? _admin;

    public static async Task<long> DoneAsync(Servers servers, string group, string topic)
    {
        _admin ??= new AdminClientBuilder(new AdminClientConfig { BootstrapServers = servers.Kafka }).SetLogHandler((_, _) => { }).Build();
        var partitions = Enumerable.Range(0, Servers.Partitions).Select(p => new TopicPartition(topic, p)).ToList();
        try
        {
            var answer = await _admin.ListConsumerGroupOffsetsAsync([new ConsumerGroupTopicPartitions(group, partitions)]);
            return answer[0].Partitions.Sum(p => Math.Max(0, p.Offset.Value));
        }
        catch (KafkaException)
        {
            // The group does not exist yet.
            return 0;
        }
    }
}
