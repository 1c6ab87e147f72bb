using Confluent.Kafka;

namespace Pipeline.DevTool;

/// <summary>Where the log of a partition begins and ends.</summary>
readonly record struct LogEnd(int Partition, long Low, long High);

/// <summary>Asks Kafka where each partition of a topic ends.</summary>
sealed class LogEnds(string kafka, string topic) : IDisposable
{
    static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    readonly IConsumer<Ignore, Ignore> consumer = new ConsumerBuilder<Ignore, Ignore>(new ConsumerConfig
    {
        BootstrapServers = kafka,
        GroupId = "devtool",
        LogConnectionClose = false,
    }).Build();

    readonly string kafka = kafka;

    public List<LogEnd> Read()
    {
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        try
        {
            return [.. admin.GetMetadata(topic, Deadline).Topics.Single().Partitions.Select(partition => End(partition.PartitionId))];
        }
        catch (KafkaException e)
        {
            throw new FailureException($"{kafka}: {e.Error.Reason}");
        }
    }

    LogEnd End(int partition)
    {
        var offsets = consumer.QueryWatermarkOffsets(new TopicPartition(topic, partition), Deadline);
        return new LogEnd(partition, offsets.Low, offsets.High);
    }

    public void Dispose() => consumer.Dispose();
}
