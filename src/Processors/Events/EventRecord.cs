using System.Text.Json;
using Confluent.Kafka;
using Pipeline.Contracts;
using Pipeline.Contracts.Events;

namespace Pipeline.Processors.Events;

/// <summary>What a record says beyond its event: who sent it, when, and its id if the event names none.</summary>
/// <param name="ReceivedAtUs">The header's time of receipt, else the record's own time.</param>
/// <param name="LoggedAtUs">The broker's time of the record, or ours where the topic takes the producer's.</param>
readonly record struct EventOrigin(string Tenant, string? Tool, Guid EventId, long ReceivedAtUs, long LoggedAtUs, long OccurredAtUs, bool Corrected, byte[]? Header)
{
    /// <summary>The sender's clock when it sent the batch.</summary>
    public long? SentAtUs { get; init; }
}

/// <summary>Reads records of one partition, the same way for every road, so that all of them agree on ids, times and faults.</summary>
sealed class EventRecord(TopicOptions topic, string topicId, TimeProvider clock)
{
    readonly IngestHeader.Parser _headers = new();

    /// <summary>The event as places in the record's value. Valid until the next call of <see cref="Read"/>.</summary>
    public ParsedEvent Parsed;

    public EventOrigin Origin { get; private set; }

    /// <returns>The fault that keeps the record from being stored, or none. <see cref="Origin"/> holds at least tenant and times either way.</returns>
    public EventFault Read(ConsumeResult<byte[], byte[]> record)
    {
        Origin = OriginUnread(record);
        var recordUs = Origin.ReceivedAtUs;
        var fault = ReadHeader(record, out var header, out var headerBytes);
        if (fault.Exists)
            return fault;
        var receivedUs = header?.ReceivedAtMs * 1000 ?? recordUs;
        Origin = Origin with { Tenant = header?.Tenant ?? topic.Tenant, Tool = header?.Tool, ReceivedAtUs = receivedUs, SentAtUs = header?.SentAtMs * 1000, Header = headerBytes };
        var value = record.Message.Value;
        ArmedRecords.Read(value);
        fault = EventParser.Parse(value, ref Parsed);
        if (fault.Exists)
            return fault;
        if (!OccurredAt.TryResolve(Parsed.TimestampUs, Origin.SentAtUs, receivedUs, out var occurredUs, out var corrected))
            return new EventFault(FaultReason.TimestampOutOfRange, "timestamp");
        Origin = Origin with { EventId = IdOf(record, header, value), OccurredAtUs = occurredUs, Corrected = corrected };
        return EventFault.None;
    }

    /// <summary>What is known of a record before anything of it is read: the topic's tenant and the broker's time.</summary>
    public EventOrigin OriginUnread(ConsumeResult<byte[], byte[]> record)
    {
        var recordUs = Math.Clamp(record.Message.Timestamp.UnixTimestampMs, 0, MsMax) * 1000;
        var loggedUs = record.Message.Timestamp.Type == TimestampType.LogAppendTime ? recordUs : clock.GetUtcNow().ToUnixTimeMilliseconds() * 1000;
        return new EventOrigin(topic.Tenant, null, default, recordUs == 0 ? loggedUs : recordUs, loggedUs, 0, false, null);
    }

    /// <summary>Until the year 9000, so that sums of times never overflow.</summary>
    const long MsMax = 221_845_392_000_000;

    /// <summary>Whether the record has a header that would say how it came in, of which nothing is believed.</summary>
    public bool IgnoresHeaderOf(ConsumeResult<byte[], byte[]> record) => !topic.TrustHeaders && record.Message.Headers is { Count: > 0 } headers && headers.TryGetLastBytes(Topics.IngestHeaderName, out _);

    EventFault ReadHeader(ConsumeResult<byte[], byte[]> record, out IngestHeader? header, out byte[]? bytes)
    {
        header = null;
        bytes = null;
        if (!topic.TrustHeaders || record.Message.Headers is not { Count: > 0 } headers || !headers.TryGetLastBytes(Topics.IngestHeaderName, out bytes))
            return EventFault.None;
        return _headers.TryParse(bytes, out header) ? EventFault.None : new EventFault(FaultReason.InvalidHeader, Topics.IngestHeaderName);
    }

    Guid IdOf(ConsumeResult<byte[], byte[]> record, IngestHeader? header, byte[] value) =>
        Parsed.EventIdToken.Kind == JsonTokenType.String ? Parsed.EventId
        : header?.BatchId is { } batch ? EventIdentity.FromBatch(batch, header.Position, value.AsSpan(Parsed.Start, Parsed.Length))
        : EventIdentity.FromLog(topicId, record.Partition.Value, record.Offset.Value);
}
