using Confluent.Kafka;
using Pipeline.Contracts;
using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres.Events;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Failures;

namespace Pipeline.Processors.Events;

/// <summary>Turns the records of one partition into what PostgreSQL is given: rows of valid events, letters of the others.</summary>
sealed class PostgresBatchBuilder(TopicOptions topic, string topicId, RecordReading reading, TimeProvider clock)
{
    readonly EventRecord _record = new(topic, topicId, clock);
    readonly Utf8Strings _strings = new();

    public EventBatch Build(RecordBatch records)
    {
        var batch = new EventBatch(records.From, topic.Tenant) { Next = records.Next };
        foreach (var record in records.Records)
            Add(batch, record);
        return batch;
    }

    /// <summary>The stretch with its one record as a dead letter, although nothing of the record was read.</summary>
    public EventBatch Unread(RecordBatch records, string message)
    {
        var batch = new EventBatch(records.From, topic.Tenant) { Next = records.Next };
        batch.DeadLetters.Add(Letter(records.Records.Single(), new EventFault(FaultReason.KilledProcessor), _record.OriginUnread(records.Records[0]), message, kind: "fatal"));
        return batch;
    }

    /// <summary>How many records of the batch have an <c>ingest</c> header that was ignored.</summary>
    public int UntrustedHeaders(EventBatch batch) => topic.TrustHeaders ? 0
        : batch.Events.Count(e => Untrusted(e.OtherHeaders)) + batch.DeadLetters.Count(l => Untrusted(l.Headers));

    static bool Untrusted(IReadOnlyList<KeyValuePair<string, byte[]?>> headers) => headers.Any(h => h.Key == Topics.IngestHeaderName);

    void Add(EventBatch batch, ConsumeResult<byte[], byte[]> record)
    {
        try
        {
            var fault = _record.Read(record);
            if (fault.Exists)
                batch.DeadLetters.Add(Letter(record, fault, _record.Origin));
            else
                batch.Events.Add(Row(record));
        }
        catch (Exception e)
        {
            // A bug of ours that one record meets must not keep the others back.
            reading.Threw(record.TopicPartitionOffset, e);
            batch.DeadLetters.Add(Letter(record, new EventFault(FaultReason.ProcessorFailed), _record.OriginUnread(record), e.ToString(), kind: "fatal"));
        }
    }

    public static DeadLetter Letter(ConsumeResult<byte[], byte[]> record, EventFault fault, in EventOrigin origin, string? message = null, string stage = "processing", string kind = "invalid") => new()
    {
        Offset = record.Offset.Value,
        Tenant = origin.Tenant,
        Fault = fault,
        Message = message,
        Stage = stage,
        Kind = kind,
        Key = record.Message.Key,
        Value = record.Message.Value,
        Headers = HeadersOf(record),
        LoggedAtUs = origin.LoggedAtUs,
    };

    EventRow Row(ConsumeResult<byte[], byte[]> record)
    {
        var origin = _record.Origin;
        var row = EventReading.Row(_record.Parsed, record.Message.Value,
            new EventOccasion(record.Offset.Value, origin.EventId, origin.OccurredAtUs, origin.ReceivedAtUs, origin.LoggedAtUs, origin.Tenant, origin.Tool, origin.Header), _strings.Get);
        row.SentAtUs = origin.SentAtUs;
        row.Corrected = origin.Corrected;
        row.RecordKey = record.Message.Key;
        row.OtherHeaders = record.Message.Headers is { Count: 1 } && origin.Header is not null ? [] : OtherHeaders(record, origin);
        return row;
    }

    static IReadOnlyList<KeyValuePair<string, byte[]?>> HeadersOf(ConsumeResult<byte[], byte[]> record) =>
        record.Message.Headers is not { Count: > 0 } headers ? []
            : [.. headers.Select(h => new KeyValuePair<string, byte[]?>(h.Key, h.GetValueBytes()))];

    static IReadOnlyList<KeyValuePair<string, byte[]?>> OtherHeaders(ConsumeResult<byte[], byte[]> record, in EventOrigin origin)
    {
        var header = origin.Header;
        return [.. HeadersOf(record).Where(h => header is null || !ReferenceEquals(h.Value, header))];
    }
}
