using System.ComponentModel.DataAnnotations;
using Confluent.Kafka;
using Pipeline.Contracts;

namespace Pipeline.Ingest;

/// <summary>How Ingest produces. Section <c>Pipeline:Kafka</c>.</summary>
public sealed class KafkaOptions
{
    public const string Section = "Pipeline:Kafka";

    /// <summary>host:port, comma-separated. Required.</summary>
    [Required]
    public string BootstrapServers { get; set; } = "";

    /// <summary>Topic that accepted events go to. Default <c>efficiency.events</c>.</summary>
    [Required]
    public string EventsTopic { get; set; } = Topics.EfficiencyEvents;

    /// <summary>Topic that requests of analyses go to. Default <c>analysis.requests</c>.</summary>
    [Required]
    public string RequestsTopic { get; set; } = Topics.AnalysisRequests;

    /// <summary>How long the broker may take to acknowledge before a client is told to retry. Default 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan DeliveryTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a record waits for company in its batch. Default 5 ms: more delays answers, less costs throughput.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:01")]
    public TimeSpan Linger { get; set; } = TimeSpan.FromMilliseconds(5);

    /// <summary>Further librdkafka settings by their own names, such as <c>security.protocol</c>. Default none.</summary>
    public Dictionary<string, string> Client { get; set; } = [];

    public ProducerConfig Producer(long inFlightBytesMax) => new(new Dictionary<string, string>(Client))
    {
        BootstrapServers = BootstrapServers,
        ClientId = "pipeline-ingest",
        // acks=all and no duplicates by the client's own retries: what "accepted" promises.
        EnableIdempotence = true,
        Acks = Acks.All,
        CompressionType = CompressionType.Lz4,
        LingerMs = Linger.TotalMilliseconds,
        BatchSize = 256 * 1024,
        MessageTimeoutMs = (int)DeliveryTimeout.TotalMilliseconds,
        QueueBufferingMaxKbytes = (int)(inFlightBytesMax / 1024),
        QueueBufferingMaxMessages = 1_000_000,
        // The partitioner of Java's client, so that producers in other languages put a user into the same partition.
        Partitioner = Partitioner.Murmur2Random,
        DeliveryReportFields = "key",
        SocketNagleDisable = true,
    };
}
