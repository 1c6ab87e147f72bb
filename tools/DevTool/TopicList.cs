using Confluent.Kafka;

namespace Pipeline.DevTool;

/// <summary>Asks a broker for its topics; a readiness check of the real protocol.</summary>
static class TopicList
{
    public static int Run(Arguments arguments)
    {
        var configuration = new AdminClientConfig { BootstrapServers = arguments.Text("kafka"), LogConnectionClose = false };
        // While a broker starts, refused connections are no news.
        using var admin = new AdminClientBuilder(configuration).SetLogHandler((_, _) => { }).Build();
        try
        {
            foreach (var topic in admin.GetMetadata(TimeSpan.FromSeconds(5)).Topics)
                Console.WriteLine($"{topic.Topic} {topic.Partitions.Count}");
            return 0;
        }
        catch (KafkaException e)
        {
            throw new FailureException($"{arguments.Text("kafka")}: {e.Error.Reason}");
        }
    }
}
