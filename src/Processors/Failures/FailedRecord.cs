using Confluent.Kafka;
using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Failures;

/// <summary>Why a record was not processed.</summary>
/// <param name="Stage"><c>receiving</c>, <c>processing</c> or <c>sending</c>.</param>
/// <param name="Kind"><c>transient</c> climbs the ladder; <c>invalid</c> and <c>fatal</c> end as a dead letter at once.</param>
/// <param name="Fingerprint">Records that failed for one cause share it. Null: the reason's code.</param>
sealed record FailureCause(string Stage, string Kind, FaultReason Reason, string Message, string? Fingerprint = null)
{
    public const string Transient = "transient", Invalid = "invalid", Fatal = "fatal";
}

/// <summary>
/// A record of a log whose processing failed, with all that is needed to try it again anywhere, or to keep it as a dead letter. Its
/// identity is consumer, topic id, partition and offset.
/// </summary>
sealed record FailedRecord
{
    public required LogPlace Log { get; init; }
    public required long Offset { get; init; }
    public required string Tenant { get; init; }
    public byte[]? Key { get; init; }
    public byte[]? Value { get; init; }
    public IReadOnlyList<KeyValuePair<string, byte[]?>> Headers { get; init; } = [];

    /// <summary>The broker's time of the record.</summary>
    public required DateTimeOffset LoggedAt { get; init; }

    public required FailureCause Cause { get; init; }
    public required DateTimeOffset FailedFirst { get; init; }
    public required DateTimeOffset FailedLast { get; init; }

    /// <summary>How often it was tried. 0 for a record that did not fail, and only waits in a queue of RabbitMQ.</summary>
    public int Attempt { get; init; } = 1;

    public string? Algorithm { get; init; }
    public string? AlgorithmVersion { get; init; }

    /// <summary>A record of Kafka after its first attempt.</summary>
    public static FailedRecord Of(ConsumeResult<byte[], byte[]> record, LogPlace log, string tenant, FailureCause cause, DateTimeOffset now) => new()
    {
        Log = log,
        Offset = record.Offset.Value,
        Tenant = tenant,
        Key = record.Message.Key,
        Value = record.Message.Value,
        Headers = record.Message.Headers is { Count: > 0 } headers ? [.. headers.Select(h => new KeyValuePair<string, byte[]?>(h.Key, h.GetValueBytes()))] : [],
        LoggedAt = record.Message.Timestamp.Type == TimestampType.LogAppendTime ? record.Message.Timestamp.UtcDateTime : now,
        Cause = cause,
        FailedFirst = now,
        FailedLast = now,
    };

    public string Identity => $"{Log.Consumer}/{Log.TopicId}/{Log.Partition}/{Offset}";

    public string Fingerprint => Cause.Fingerprint ?? new EventFault(Cause.Reason).Code;

    /// <summary>The record after one more attempt that failed.</summary>
    public FailedRecord Again(FailureCause cause, DateTimeOffset now) => this with { Cause = cause, Attempt = Attempt + 1, FailedLast = now };
}
