using System.Security.Cryptography;
using Pipeline.Contracts.Events;

namespace Pipeline.Ingest.Events;

/// <summary>Reads one event a line. What a batch says in its envelope stands in the query: batch_id, sent_at, tool, version.</summary>
static class NdjsonReader
{
    public static Problem? Read(EventBatch batch, IQueryCollection query)
    {
        var body = batch.Body;
        if (body.IsEmpty)
            return new Problem(400, "empty_body", "The body is empty.");
        foreach (var name in (ReadOnlySpan<string>)["batch_id", "tool", "version"])
            if (query.TryGetValue(name, out var values) && (values.Count != 1 || !EnvelopeText.IsKey(values.ToString())))
                return new Problem(400, name == "batch_id" ? "invalid_batch_id" : "invalid_metadata", $"{name} must have 1 to 128 characters without control characters.");
        if (!EnvelopeText.TryTime(query.TryGetValue("sent_at", out var sentAt) ? sentAt.ToString() : null, out var sentAtUs))
            return new Problem(400, "invalid_sent_at", "sent_at must be RFC 3339 with an offset.");
        batch.SentAtUs = sentAtUs;
        batch.Tool = query.TryGetValue("tool", out var tool) ? tool.ToString() : null;
        batch.Version = query.TryGetValue("version", out var version) ? version.ToString() : null;
        // Without an id of its own, a batch is known by its bytes: sent again, it is the same batch.
        batch.BatchId = query.TryGetValue("batch_id", out var id) ? id.ToString() : "sha256:" + Convert.ToHexStringLower(SHA256.HashData(body));
        return ReadLines(batch, body);
    }

    static Problem? ReadLines(EventBatch batch, ReadOnlySpan<byte> body)
    {
        var parsed = default(ParsedEvent);
        for (var start = 0; start < body.Length;)
        {
            var length = body[start..].IndexOf((byte)'\n');
            var end = length < 0 ? body.Length : start + length;
            var line = body[start..end].TrimEnd((byte)'\r');
            if (!line.Trim(" \t"u8).IsEmpty)
            {
                if (batch.Count == EventLimits.BatchEventsMax)
                    return new Problem(413, "too_many_events", $"A batch holds at most {EventLimits.BatchEventsMax} events.");
                var fault = EventParser.Parse(line, ref parsed);
                batch.Add(new EventSlot
                {
                    Start = start + parsed.Start, Length = parsed.Length, UserId = parsed.UserId with { Start = start + parsed.UserId.Start },
                    EventId = parsed.EventId, TimestampUs = parsed.TimestampUs, Fault = fault,
                });
            }
            start = end + 1;
        }
        return batch.Count == 0 ? new Problem(422, "empty_batch", "The batch holds no event.") : null;
    }
}
