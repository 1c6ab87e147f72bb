using System.ComponentModel.DataAnnotations;
using Confluent.Kafka;
using Pipeline.Contracts;

namespace Pipeline.Processors;

/// <summary>A consumed topic. Kafka does not tell who wrote a record, so whose it is and whether its headers count is said here.</summary>
public sealed class TopicOptions
{
    [Required]
    public string Name { get; set; } = "";

    /// <summary>Tenant of records without a trusted header. Default <c>default</c>.</summary>
    [Required]
    public string Tenant { get; set; } = Topics.DefaultTenant;

    /// <summary>Whether the <c>ingest</c> header is believed: only where the broker's ACLs let no one but Ingest write headers. Default true.</summary>
    public bool TrustHeaders { get; set; } = true;
}

/// <summary>How the processors consume. Section <c>Pipeline:Kafka</c>.</summary>
public sealed class KafkaOptions
{
    public const string Section = "Pipeline:Kafka";

    /// <summary>host:port, comma-separated. Required.</summary>
    [Required]
    public string BootstrapServers { get; set; } = "";

    /// <summary>Topics that the events roads consume. Default <c>efficiency.events</c> alone.</summary>
    public List<TopicOptions> EventTopics { get; set; } = [];

    /// <summary>Topics that role analysis consumes and role schedules writes to. Default <c>analysis.requests</c> alone.</summary>
    public List<TopicOptions> RequestTopics { get; set; } = [];

    /// <summary>Topic that role analysis writes results to and role results-postgres stores them from. Default <c>analysis.results</c>.</summary>
    [Required]
    public string ResultsTopic { get; set; } = Topics.AnalysisResults;

    /// <summary>Consumer groups are named this and the road, such as <c>pipeline.events-postgres</c>. Default <c>pipeline.</c>.</summary>
    public string GroupPrefix { get; set; } = "pipeline.";

    /// <summary>Whether missing topics are made at start. Default true.</summary>
    public bool CreateTopics { get; set; } = true;

    /// <summary>Partitions of topics made at start. Default 12.</summary>
    [Range(1, 1000)]
    public int Partitions { get; set; } = 12;

    /// <summary>Whether a topic made anew is taken as it comes: right for the embedded broker, whose logs end with its process. Default false.</summary>
    public bool AcceptNewLogs { get; set; }

    /// <summary>After this long without a heartbeat the group gives a process's partitions to another. Default 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:06", "00:05:00")]
    public TimeSpan SessionTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Further librdkafka settings by their own names, such as <c>security.protocol</c>. Default none. What a road sets itself (<see cref="Consumer"/>) stays as the road sets it.</summary>
    public Dictionary<string, string> Client { get; set; } = [];

    public IReadOnlyList<TopicOptions> Events => EventTopics.Count > 0 ? EventTopics : [new TopicOptions { Name = Topics.EfficiencyEvents }];

    public IReadOnlyList<TopicOptions> Requests => RequestTopics.Count > 0 ? RequestTopics : [new TopicOptions { Name = Topics.AnalysisRequests }];

    /// <summary>
    /// What a process of these roles needs: made where it is missing, and asked for by its health. Each once, however often it is named: librdkafka, asked to make one topic twice, ends the process.
    /// </summary>
    public IReadOnlyList<string> NamesFor(IReadOnlySet<string> roles) =>
    [
        .. Events.Select(t => t.Name)
            .Concat(roles.Contains(Roles.Analysis) || roles.Contains(Roles.Schedules) ? Requests.Select(t => t.Name) : [])
            .Concat(roles.Contains(Roles.Analysis) || roles.Contains(Roles.ResultsPostgres) ? [ResultsTopic] : [])
            .Distinct(),
    ];

    public AdminClientConfig Admin() => new(new Dictionary<string, string>(Client)) { BootstrapServers = BootstrapServers, ClientId = "pipeline-processors" };

    /// <param name="road">Its role.</param>
    /// <param name="linger">How long its batches wait for company. Where they do, the broker waits as long, 50 ms at most, for 128 KiB: else it answers as soon as there is one record, which at 10,000 events a
    /// second was a quarter of the broker's work and a seventh of ours.</param>
    public ConsumerConfig Consumer(string road, TimeSpan linger) => new(new Dictionary<string, string>(Client))
    {
        BootstrapServers = BootstrapServers,
        ClientId = $"pipeline-{road}",
        GroupId = GroupPrefix + road,
        PartitionAssignmentStrategy = PartitionAssignmentStrategy.CooperativeSticky,
        // An offset that the log does not have is never guessed: the road stops that partition and says why.
        AutoOffsetReset = AutoOffsetReset.Error,
        EnableAutoOffsetStore = false,
        EnableAutoCommit = true,
        AutoCommitIntervalMs = 1000,
        IsolationLevel = IsolationLevel.ReadCommitted,
        EnablePartitionEof = true,
        SessionTimeoutMs = (int)SessionTimeout.TotalMilliseconds,
        HeartbeatIntervalMs = (int)SessionTimeout.TotalMilliseconds / 4,
        // What /health and the metrics show of the group.
        StatisticsIntervalMs = 500,
        // Bounds what the client holds besides our own queues, which are bounded too.
        QueuedMinMessages = 5000,
        QueuedMaxMessagesKbytes = 1024,
        // The client looks again soon whether its queue has room; its default of a second leaves the road idle meanwhile.
        FetchQueueBackoffMs = 5,
        MaxPartitionFetchBytes = 1024 * 1024,
        FetchMaxBytes = 4 * 1024 * 1024,
        FetchMinBytes = linger > TimeSpan.Zero ? 128 * 1024 : 1,
        FetchWaitMaxMs = linger > TimeSpan.Zero ? (int)Math.Ceiling(Math.Min(linger.TotalMilliseconds, 50)) : 50,
        // A topic made anew is noticed soon, and a new partition is consumed soon.
        TopicMetadataRefreshIntervalMs = 10_000,
    };
}
