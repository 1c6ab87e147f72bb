using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres;
using RabbitMQ.Client;

namespace Pipeline.Processors.Failures.RabbitMq;

/// <summary>
/// A failed record as a message. The body is the record's own bytes; everything else is in headers, each named <c>pipeline-…</c>:
/// <code>
/// version          1
/// state            retry | dead (dead: the cause is final)
/// consumer, topic, topic-id, partition, offset      identity and place; message-id = consumer/topic-id/partition/offset
/// tenant, logged-at                                  times are unix µs
/// key              the record's key, absent where it has none
/// headers          the record's headers: name, value, name, value, … as bytes; a value may be null
/// body             value | none (the record has no value) | framed (below)
/// stage, kind, reason, message, fingerprint          the last failure
/// failed-first, failed-last, attempt                 attempt 0: it waits for its first one, in a queue of jobs
/// algorithm, algorithm-version                       where one was involved
/// </code>
/// A message's header must fit in one frame (128 KiB), a record's key and headers need not: beyond <see cref="HeadersBytesMax"/> they stand in the
/// body before the value, each after its length in 4 bytes (big-endian, -1 for null): key, number of headers, name, value, …, value.
/// </summary>
static class FailureMessage
{
    const int HeadersBytesMax = 16 * 1024, MessageCharactersMax = 2000;

    /// <summary>Bytes of the identity, and characters of any other text but the message: more than any record of ours has, and all of them together fit into a message's header.</summary>
    const int IdentityBytesMax = 255, TextCharactersMax = 1024;
    const string Prefix = "pipeline-";

    public static OutgoingMessage Write(FailedRecord record, string exchange, bool dead)
    {
        var framed = (record.Key?.Length ?? 0) + record.Headers.Sum(h => 8L + Encoding.UTF8.GetByteCount(h.Key) + (h.Value?.Length ?? 0)) > HeadersBytesMax;
        var headers = new Dictionary<string, object?>
        {
            [Prefix + "version"] = 1,
            [Prefix + "state"] = dead ? "dead" : "retry",
            [Prefix + "consumer"] = record.Log.Consumer,
            [Prefix + "topic"] = record.Log.Topic,
            [Prefix + "topic-id"] = record.Log.TopicId,
            [Prefix + "partition"] = record.Log.Partition,
            [Prefix + "offset"] = record.Offset,
            [Prefix + "tenant"] = record.Tenant,
            [Prefix + "logged-at"] = Micros(record.LoggedAt),
            [Prefix + "body"] = framed ? "framed" : record.Value is null ? "none" : "value",
            [Prefix + "stage"] = record.Cause.Stage,
            [Prefix + "kind"] = record.Cause.Kind,
            [Prefix + "reason"] = new EventFault(record.Cause.Reason).Code,
            [Prefix + "message"] = Bounded(record.Cause.Message),
            [Prefix + "fingerprint"] = Bounded(record.Fingerprint),
            [Prefix + "failed-first"] = Micros(record.FailedFirst),
            [Prefix + "failed-last"] = Micros(record.FailedLast),
            [Prefix + "attempt"] = record.Attempt,
        };
        if (record.Algorithm is { } algorithm)
            headers[Prefix + "algorithm"] = algorithm;
        if (record.AlgorithmVersion is { } version)
            headers[Prefix + "algorithm-version"] = version;
        if (!framed && record.Key is { } key)
            headers[Prefix + "key"] = key;
        if (!framed && record.Headers.Count > 0)
            headers[Prefix + "headers"] = record.Headers.SelectMany(h => new object?[] { Encoding.UTF8.GetBytes(h.Key), h.Value }).ToList();
        var properties = new BasicProperties { Persistent = true, ContentType = "application/octet-stream", MessageId = record.Identity, Headers = headers };
        return new OutgoingMessage(exchange, record.Log.Consumer, properties, framed ? Frame(record) : record.Value ?? []);
    }

    /// <summary>False for a message that is none of ours, whatever it holds.</summary>
    public static bool TryRead(IReadOnlyBasicProperties properties, byte[] body, out FailedRecord? record, out bool dead)
    {
        (record, dead) = (null, false);
        try
        {
            var fields = new Fields(properties.Headers ?? throw new FormatException("no headers"));
            if (fields.Number("version") != 1)
                return false;
            dead = fields.Text("state") switch { "dead" => true, "retry" => false, _ => throw new FormatException("state") };
            record = Read(fields, body);
            return true;
        }
        catch (Exception e) when (e is FormatException or InvalidCastException or KeyNotFoundException or OverflowException or ArgumentException)
        {
            return false;
        }
    }

    static FailedRecord Read(Fields fields, byte[] body)
    {
        var form = fields.Text("body");
        var (key, headers, value) = form switch
        {
            "framed" => Unframe(body),
            "none" => (fields.Bytes("key"), fields.Pairs("headers"), null),
            "value" => (fields.Bytes("key"), fields.Pairs("headers"), (byte[]?)body),
            _ => throw new FormatException(form),
        };
        return Publishable(new FailedRecord
        {
            Log = new LogPlace(fields.Text("consumer"), fields.Text("topic"), fields.Text("topic-id"), checked((int)fields.Number("partition"))),
            Offset = fields.Number("offset"),
            Tenant = fields.Text("tenant"),
            Key = key,
            Headers = headers,
            Value = value,
            LoggedAt = fields.Time("logged-at"),
            Cause = new FailureCause(OneOf(fields.Text("stage"), "receiving", "processing", "sending"),
                OneOf(fields.Text("kind"), FailureCause.Transient, FailureCause.Invalid, FailureCause.Fatal),
                Reason(fields.Text("reason")), fields.Text("message"), fields.Text("fingerprint")),
            FailedFirst = fields.Time("failed-first"),
            FailedLast = fields.Time("failed-last"),
            Attempt = checked((int)fields.Number("attempt")),
            Algorithm = fields.TextOrNull("algorithm"),
            AlgorithmVersion = fields.TextOrNull("algorithm-version"),
        });
    }

    /// <summary>What can be read and never published again would be tried, and refused, for ever.</summary>
    static FailedRecord Publishable(FailedRecord record)
    {
        string?[] texts = [record.Log.Topic, record.Tenant, record.Algorithm, record.AlgorithmVersion];
        return Encoding.UTF8.GetByteCount(record.Identity) <= IdentityBytesMax && texts.All(t => t is null or { Length: <= TextCharactersMax })
            && record is { Attempt: >= 0 and < int.MaxValue, Offset: >= 0, Log.Partition: >= 0 } ? record : throw new FormatException("beyond what a record can be");
    }

    static string OneOf(string text, params string[] known) => known.Contains(text) ? text : throw new FormatException(text);

    /// <summary>A later version's reason is kept as the nearest of ours rather than refused.</summary>
    static FaultReason Reason(string code) => EventFault.ReasonOf(code) is var known && known == FaultReason.None ? FaultReason.ProcessorFailed : known;

    static byte[] Frame(FailedRecord record)
    {
        var body = new MemoryStream();
        void Bytes(byte[]? bytes)
        {
            Length(bytes?.Length ?? -1);
            body.Write(bytes ?? []);
        }
        void Length(int n)
        {
            Span<byte> length = stackalloc byte[4];
            BinaryPrimitives.WriteInt32BigEndian(length, n);
            body.Write(length);
        }
        Bytes(record.Key);
        Length(record.Headers.Count);
        foreach (var (name, value) in record.Headers)
        {
            Bytes(Encoding.UTF8.GetBytes(name));
            Bytes(value);
        }
        Bytes(record.Value);
        return body.ToArray();
    }

    static (byte[]? Key, IReadOnlyList<KeyValuePair<string, byte[]?>> Headers, byte[]? Value) Unframe(byte[] body)
    {
        var at = 0;
        int Length() => BinaryPrimitives.ReadInt32BigEndian(body.AsSpan((at += 4) - 4, 4));
        byte[]? Bytes()
        {
            var length = Length();
            return length < 0 ? null : body.AsSpan((at += length) - length, length).ToArray();
        }
        var key = Bytes();
        var headers = new List<KeyValuePair<string, byte[]?>>();
        for (var left = Length(); left > 0; left--)
            headers.Add(new(Encoding.UTF8.GetString(Bytes() ?? throw new FormatException("a header without a name")), Bytes()));
        return (key, headers, Bytes());
    }

    static string Bounded(string text) => text.Length <= MessageCharactersMax ? text : text[..MessageCharactersMax] + "…";

    static long Micros(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>The headers as they come over the wire: texts are bytes, numbers have the width that their writer chose.</summary>
    sealed class Fields(IDictionary<string, object?> headers)
    {
        public string Text(string name) => TextOrNull(name) ?? throw new FormatException(name);

        public string? TextOrNull(string name) => headers.TryGetValue(Prefix + name, out var value) && value is not null ? value as string ?? Encoding.UTF8.GetString((byte[])value) : null;

        public byte[]? Bytes(string name) => headers.TryGetValue(Prefix + name, out var value) ? (byte[]?)value : null;

        public long Number(string name) => Convert.ToInt64(headers[Prefix + name] is byte[] or null ? throw new FormatException(name) : headers[Prefix + name], CultureInfo.InvariantCulture);

        public DateTimeOffset Time(string name) => DateTimeOffset.UnixEpoch.AddTicks(checked(Number(name) * TimeSpan.TicksPerMicrosecond));

        public IReadOnlyList<KeyValuePair<string, byte[]?>> Pairs(string name)
        {
            if (!headers.TryGetValue(Prefix + name, out var value))
                return [];
            var list = (IList<object?>)value!;
            return [.. Enumerable.Range(0, list.Count / 2).Select(i => new KeyValuePair<string, byte[]?>(Encoding.UTF8.GetString((byte[])list[2 * i]!), (byte[]?)list[(2 * i) + 1]))];
        }
    }
}
