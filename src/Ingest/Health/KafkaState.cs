using System.Diagnostics.Metrics;
using Confluent.Kafka;

namespace Pipeline.Ingest.Health;

/// <summary>What goes wrong with brokers before anything fails: one lost of three, replicas that are behind.</summary>
sealed class KafkaState
{
    readonly Counter<long> _errors;
    readonly TimeProvider _clock;

    public KafkaState(IMeterFactory meters, TimeProvider clock)
    {
        _clock = clock;
        var meter = meters.Create(IngestMetrics.MeterName);
        _errors = meter.CreateCounter<long>("pipeline_ingest_client_errors", description: "Errors of the Kafka client, by its code; it goes on by itself.");
        meter.CreateObservableGauge("pipeline_ingest_under_replicated_partitions", () => UnderReplicated, description: "Partitions of the topic with fewer replicas in sync than it was made with.");
    }

    /// <summary>What the client reported last; null when it never did.</summary>
    public ClientError? LastError { get; private set; }

    /// <summary>Partitions that have fewer replicas in sync than they should.</summary>
    public int UnderReplicated { get; set; }

    public void Note(Error error)
    {
        LastError = new ClientError(error.Reason, _clock.GetUtcNow());
        _errors.Add(1, new KeyValuePair<string, object?>("code", error.Code.ToString()));
    }
}

/// <summary>A report of the Kafka client about its connections.</summary>
sealed record ClientError(string LastError, DateTimeOffset LastErrorAt);
