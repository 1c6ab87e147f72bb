using System.Text.Json;
using System.Text.Unicode;
using Pipeline.Contracts.Events;

namespace Pipeline.Ingest.Events;

/// <summary>
/// Reads <c>{batch_id, events, metadata?, sent_at?}</c>. A fault of the envelope refuses the whole body; a fault of an event is that event's
/// own verdict and costs the others nothing.
/// </summary>
static class BatchReader
{
    static readonly byte[] ByteOrderMark = [0xEF, 0xBB, 0xBF];

    /// <returns>Null, or why the body as a whole cannot be read.</returns>
    public static Problem? Read(EventBatch batch)
    {
        var body = batch.Body;
        if (body.IsEmpty)
            return Unreadable("empty_body", "The body is empty.");
        if (body.StartsWith(ByteOrderMark))
            return Unreadable("byte_order_mark", "The body starts with a byte order mark, which RFC 8259 forbids.");
        try
        {
            var reader = new Utf8JsonReader(body, EventParser.ReaderOptions);
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
                return Unreadable("not_an_object", "The body must be a JSON object with batch_id and events.");
            var seen = Envelope.None;
            var utf8 = Utf8.IsValid(body);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                if (ReadProperty(ref reader, batch, utf8, ref seen) is { } problem)
                    return problem;
            reader.Read();
            return utf8 || IsEnvelopeUtf8(batch, body) ? Missing(seen, batch) : Unreadable("invalid_utf8", "The body is not valid UTF-8.");
        }
        catch (JsonException e)
        {
            return Unreadable("malformed_json", $"The body is not valid JSON: line {e.LineNumber + 1}, byte {e.BytePositionInLine}.");
        }
    }

    [Flags]
    enum Envelope { None = 0, BatchId = 1, Events = 2, Metadata = 4, SentAt = 8 }

    static Problem? ReadProperty(ref Utf8JsonReader reader, EventBatch batch, bool utf8, ref Envelope seen)
    {
        var field = EnvelopeText.IsNamed(ref reader, "events"u8) ? Envelope.Events
            : EnvelopeText.IsNamed(ref reader, "batch_id"u8) ? Envelope.BatchId
            : EnvelopeText.IsNamed(ref reader, "metadata"u8) ? Envelope.Metadata
            : EnvelopeText.IsNamed(ref reader, "sent_at"u8) ? Envelope.SentAt : Envelope.None;
        reader.Read();
        if ((seen & field) != 0)
            return Unreadable("duplicate_field", "A field of the envelope occurs twice.");
        seen |= field;
        switch (field)
        {
            case Envelope.Events:
                return ReadEvents(ref reader, batch, utf8);
            case Envelope.Metadata:
                return ReadMetadata(ref reader, batch);
            case Envelope.BatchId:
                return EnvelopeText.TryRead(ref reader, batch.Body, out var id) && id is not null ? Done(batch.BatchId = id)
                    : Unreadable("invalid_batch_id", "batch_id must be a string of 1 to 128 characters without control characters.");
            case Envelope.SentAt:
                if (!EnvelopeText.TryRead(ref reader, batch.Body, out var sentAt) || !EnvelopeText.TryTime(sentAt, out var sentAtUs))
                    return Unreadable("invalid_sent_at", "sent_at must be RFC 3339 with an offset.");
                batch.SentAtUs = sentAtUs;
                return null;
            default:
                reader.Skip();
                return null;
        }
    }

    static Problem? Done(string _) => null;

    static Problem? ReadEvents(ref Utf8JsonReader reader, EventBatch batch, bool utf8)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            return Unreadable("invalid_events", "events must be an array.");
        var parsed = default(ParsedEvent);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (batch.Count == EventLimits.BatchEventsMax)
                return new Problem(413, "too_many_events", $"A batch holds at most {EventLimits.BatchEventsMax} events.");
            var fault = utf8 || IsNextUtf8(reader, batch.Body) ? EventParser.ReadEvent(ref reader, batch.Body, ref parsed) : PassOver(ref reader, ref parsed);
            batch.Add(new EventSlot
            {
                Start = parsed.Start, Length = parsed.Length, UserId = parsed.UserId, EventId = parsed.EventId,
                TimestampUs = parsed.TimestampUs, Fault = fault,
            });
        }
        return null;
    }

    static Problem? ReadMetadata(ref Utf8JsonReader reader, EventBatch batch)
    {
        var invalid = Unreadable("invalid_metadata", "metadata must be an object; its tool and version strings of 1 to 128 characters without control characters.");
        if (reader.TokenType == JsonTokenType.Null)
            return null;
        if (reader.TokenType != JsonTokenType.StartObject)
            return invalid;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool tool = EnvelopeText.IsNamed(ref reader, "tool"u8), version = EnvelopeText.IsNamed(ref reader, "version"u8);
            var dropped = EnvelopeText.IsNamed(ref reader, "dropped"u8);
            reader.Read();
            if (dropped)
                batch.ClientDropped = reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var n) && n is >= 0 and <= EventBatch.ClientDroppedMax ? n : 0;
            if (!tool && !version)
            {
                reader.Skip();
                continue;
            }
            if (!EnvelopeText.TryRead(ref reader, batch.Body, out var text))
                return invalid;
            if (tool)
                batch.Tool = text;
            else
                batch.Version = text;
        }
        return null;
    }

    /// <summary>The event that the reader stands on. Neither the reader nor the parser bears other bytes: bad ones are the fault of the event that holds them.</summary>
    static bool IsNextUtf8(Utf8JsonReader reader, ReadOnlySpan<byte> body)
    {
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return Utf8.IsValid(body[start..(int)reader.BytesConsumed]);
    }

    static EventFault PassOver(ref Utf8JsonReader reader, ref ParsedEvent parsed)
    {
        parsed = default;
        parsed.Start = (int)reader.TokenStartIndex;
        reader.Skip();
        parsed.Length = (int)reader.BytesConsumed - parsed.Start;
        return new EventFault(FaultReason.InvalidUtf8);
    }

    static bool IsEnvelopeUtf8(EventBatch batch, ReadOnlySpan<byte> body)
    {
        var end = 0;
        for (var i = 0; i < batch.Count; i++)
        {
            if (!Utf8.IsValid(body[end..batch[i].Start]))
                return false;
            end = batch[i].Start + batch[i].Length;
        }
        return Utf8.IsValid(body[end..]);
    }

    static Problem? Missing(Envelope seen, EventBatch batch)
    {
        if ((seen & Envelope.Events) == 0)
            return Unreadable("missing_events", "events is required.");
        if ((seen & Envelope.BatchId) == 0)
            return Unreadable("missing_batch_id", "batch_id is required.");
        return batch.Count == 0 ? new Problem(422, "empty_batch", "The batch holds no event.") : null;
    }

    static Problem Unreadable(string code, string detail) => new(400, code, detail);
}
