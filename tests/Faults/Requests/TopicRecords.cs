using Confluent.Kafka;

namespace Pipeline.Faults.Requests;

/// <summary>Everything that a topic holds, once nobody writes to it any more.</summary>
static class TopicRecords
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static List<Message<byte[], byte[]>> Read(string servers, string topic, Dictionary<int, long> ends)
    {
        using var consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig { BootstrapServers = servers, GroupId = $"{topic}-read", EnableAutoCommit = false, EnablePartitionEof = true })
            .SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
        var open = ends.Where(e => e.Value > 0).Select(e => e.Key).ToHashSet();
        consumer.Assign(open.Select(p => new TopicPartitionOffset(topic, p, Offset.Beginning)));
        var messages = new List<Message<byte[], byte[]>>();
        while (open.Count > 0)
        {
            var record = consumer.Consume(Patience) ?? throw new TimeoutException($"{topic} could not be read to its end");
            if (!record.IsPartitionEOF)
                messages.Add(record.Message);
            else if (record.Offset >= ends[record.Partition])
                open.Remove(record.Partition);
        }
        consumer.Close();
        return messages;
    }
}
