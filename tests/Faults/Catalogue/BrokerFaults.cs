using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Pipeline.Faults.Harness;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Catalogue;

/// <summary>The one broker dies by SIGKILL and comes back on its files.</summary>
sealed class BrokerKilled() : Fault("broker killed and restarted", 25)
{
    public override TimeSpan Hold => TimeSpan.FromSeconds(4);

    public override IReadOnlyList<Sign> Signs => [.. Sign.Down(Sign.Processors, "kafka"), .. Sign.Down(Sign.Ingest, "kafka"), Sign.Grows(Sign.Ingest, "pipeline_ingest_client_errors_total")];

    public override Task InjectAsync(FaultRun run) => run.Kafka.Broker.KillAsync(1);

    public override async Task HealAsync(FaultRun run)
    {
        await run.Kafka.Broker.RestartAsync(1);
        run.Healed();
        // Now every log is acquired once more, by clients that knew the broker before.
        await run.Database.CutSessionsAsync();
    }
}

/// <summary>One of three brokers goes, the one that leads a partition: the others elect new leaders, and two replicas are enough to accept.</summary>
/// <param name="inOrder">Stopped by SIGTERM, so that it hands its partitions over; else killed.</param>
sealed class LeaderLost(string name, bool inOrder) : Fault(name, 40)
{
    int _lost;

    public override Need Needs => Need.Cluster;

    public override TimeSpan Hold => TimeSpan.FromSeconds(6);

    public override IReadOnlyList<Sign> Signs => inOrder
        ? [Sign.Grows(Sign.Ingest, "pipeline_ingest_under_replicated_partitions"), new(Sign.Ingest, "/health under_replicated_partitions", (_, now) => now.Field("under_replicated_partitions") is { } n && n != "0")]
        : [Sign.Grows(Sign.Ingest, "pipeline_ingest_client_errors_total"), Sign.KafkaClientError];

    public override async Task InjectAsync(FaultRun run)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = run.Brokers }).SetLogHandler((_, _) => { }).Build();
        _lost = admin.GetMetadata(run.Topic.Name, TimeSpan.FromSeconds(10)).Topics[0].Partitions[run.Random.Next(FaultRun.Partitions)].Leader;
        await (inOrder ? run.Cluster!.StopAsync(_lost) : run.Cluster!.KillAsync(_lost));
    }

    public override Task HealAsync(FaultRun run) => run.Cluster!.RestartAsync(_lost);

    public override async Task CheckAsync(FaultRun run, Findings findings)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = run.Brokers }).SetLogHandler((_, _) => { }).Build();
        findings.Expect(admin.GetMetadata(run.Topic.Name, TimeSpan.FromSeconds(10)).Topics[0].Partitions.TrueForAll(p => p.Replicas.Length == 3), "the topic was not made with three replicas");
        var settings = await admin.DescribeConfigsAsync([new ConfigResource { Type = ResourceType.Topic, Name = run.Topic.Name }]);
        findings.Expect(settings[0].Entries["min.insync.replicas"].Value == "2", "the topic was not made with min.insync.replicas = 2");
    }
}

/// <summary>All three brokers are gone for a minute: Ingest says so, the producers keep what they can, the processors wait.</summary>
sealed class AllBrokersDown() : Fault("all brokers down for 60 s", 120)
{
    public override Need Needs => Need.Cluster;

    public override LoadShape Load => new() { BatchesPerSecond = 4, DirectPerSecond = 100 };

    public override TimeSpan Hold => TimeSpan.FromSeconds(60);

    public override IReadOnlyList<Sign> Signs => [.. Sign.Down(Sign.Processors, "kafka"), .. Sign.Down(Sign.Ingest, "kafka"), Sign.Health(Sign.Ingest, "status", "\"unhealthy\"")];

    public override Task InjectAsync(FaultRun run) => run.Cluster!.KillAllAsync();

    public override Task HealAsync(FaultRun run) => run.Cluster!.RestartAllAsync();
}

/// <summary>Every answer of the broker takes a second while a new processor acquires its partitions and seeks.</summary>
sealed class SlowBroker() : Fault("broker slow while partitions are acquired", 30)
{
    const int LatencyMs = 1000;

    public override TimeSpan Hold => TimeSpan.FromSeconds(8);

    public override IReadOnlyList<Sign> Signs =>
    [
        new(Sign.Ingest, "/health dependencies.kafka.latency_ms > 800", (_, now) => double.TryParse(now.Field("dependencies.kafka.latency_ms"), System.Globalization.CultureInfo.InvariantCulture, out var ms) && ms > 800),
        new(Sign.Ingest, "pipeline_dependency_latency_seconds{dependency=\"kafka\"} > 0.8", (_, now) => now.Metric("pipeline_dependency_latency_seconds", "dependency=\"kafka\"") > 0.8),
    ];

    public override async Task InjectAsync(FaultRun run)
    {
        await run.Kafka.Wire.DelayAsync(LatencyMs);
        var first = run.Processors;
        await run.StartProcessorsAsync();
        first.Signal(HostProcess.SigTerm);
    }

    public override Task HealAsync(FaultRun run) => run.Kafka.Wire.ClearAsync();

    public override async Task CheckAsync(FaultRun run, Findings findings)
    {
        var outcomes = await run.Database.OutcomesAsync();
        findings.Expect(outcomes.Absent == 0, $"{outcomes.Absent} offsets count as absent, though every offset holds a record");
    }
}

/// <summary>
/// The topic refuses every batch as too large, which the producer is told to treat as fatal, because it leaves a gap: Ingest replaces it, as
/// often as it takes.
/// </summary>
sealed class FatalProducer() : Fault("Ingest's producer meets a fatal error", 25)
{
    const string Replaced = "met a fatal error and is replaced", Limit = "max.message.bytes", Usual = "1048588", TooSmall = "200";

    public override (string, string)[] IngestSettings => [("Pipeline__Kafka__Client__enable.gapless.guarantee", "true")];

    public override TimeSpan Hold => TimeSpan.FromSeconds(3);

    public override IReadOnlyList<Sign> Signs => [Sign.Grows(Sign.Ingest, "pipeline_ingest_events_total", "verdict=\"retry\""), Sign.Grows(Sign.Ingest, "pipeline_ingest_client_errors_total"), Sign.KafkaClientError];

    public override Task InjectAsync(FaultRun run) => LimitAsync(run, TooSmall);

    public override Task HealAsync(FaultRun run) => LimitAsync(run, Usual);

    public override async Task CheckAsync(FaultRun run, Findings findings)
    {
        findings.Expect(run.Ingest.Find(Replaced) is not null, "no producer was replaced");
        findings.Expect((await HostView.LookAsync(run.Ingest)).Field("status") == "\"healthy\"", "Ingest is not healthy with its new producer");
    }

    static async Task LimitAsync(FaultRun run, string bytes)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = run.Brokers }).SetLogHandler((_, _) => { }).Build();
        await admin.IncrementalAlterConfigsAsync(new()
        {
            [new ConfigResource { Type = ResourceType.Topic, Name = run.Topic.Name }] = [new ConfigEntry { Name = Limit, Value = bytes, IncrementalOperation = AlterConfigOpType.Set }],
        });
    }
}
