using System.Text;
using System.Text.Json;
using Confluent.Kafka;

namespace Pipeline.DevTool;

/// <summary>Publishes events directly, as a back end would: key user_id, the event's bytes, no header.</summary>
static class TopicSender
{
    public static int Run(Arguments arguments, CancellationToken stop)
    {
        var topic = arguments.Text("topic");
        var events = EventFile.Read(arguments);
        var configuration = new ProducerConfig
        {
            BootstrapServers = arguments.Text("kafka"),
            Acks = Acks.All,
            MessageTimeoutMs = 30_000,
            LingerMs = 5,
            LogConnectionClose = false,
        };
        var delivered = 0;
        var problem = default(Error);
        using var reported = new CountdownEvent(events.Count);
        using var producer = new ProducerBuilder<byte[], byte[]>(configuration).Build();
        foreach (var line in events)
        {
            var message = new Message<byte[], byte[]> { Key = Key(line), Value = Encoding.UTF8.GetBytes(line) };
            producer.Produce(topic, message, report =>
            {
                if (report.Error.IsError)
                    problem = report.Error;
                else
                    delivered++;
                reported.Signal();
            });
        }
        producer.Flush(stop);
        // Flush returns when the last report was taken from the queue, which is a moment before it was heard.
        reported.Wait(TimeSpan.FromSeconds(5), stop);
        Console.WriteLine($"{delivered} events published to {topic}");
        return delivered == events.Count ? 0
            : throw new FailureException($"{events.Count - delivered} were not delivered: {problem?.Reason}");
    }

    static byte[] Key(string line)
    {
        using var json = JsonDocument.Parse(line);
        return Encoding.UTF8.GetBytes(json.RootElement.GetProperty("user_id").GetString()!);
    }
}
