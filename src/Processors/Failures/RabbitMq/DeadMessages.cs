using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Pipeline.Contracts;
using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres;
using RabbitMQ.Client;

namespace Pipeline.Processors.Failures.RabbitMq;

/// <summary>What a message in a queue of ours says as a dead letter, whoever put it there. Pure.</summary>
static class DeadMessages
{
    /// <summary>Consumer of letters that no record of a log stands behind.</summary>
    public const string Consumer = Roles.Failures;

    /// <summary>A message from the queue of dead letters. One of ours without a final cause came there by RabbitMQ's own doing, which says why in <c>x-death</c>.</summary>
    public static FailedRecord Read(string queue, IReadOnlyBasicProperties properties, byte[] body, DateTimeOffset now)
    {
        if (!FailureMessage.TryRead(properties, body, out var record, out var dead))
            return Unreadable(queue, properties, body, now);
        if (dead)
            return record!;
        if (WasKilled(properties))
            // The attempt that ended the process is none that anybody counted.
            return record!.Again(new FailureCause("processing", FailureCause.Fatal, FaultReason.KilledProcessor,
                $"{new EventFault(FaultReason.KilledProcessor).Detail} Before that: {record.Cause.Message}"), now);
        return record! with { Cause = record.Cause with { Message = $"No queue took its retry. {record.Cause.Message}" } };
    }

    /// <summary>The message of a stranger: its bytes and headers, named after the digest of both, so that the same message twice is one letter and no other one is taken for it.</summary>
    public static FailedRecord Unreadable(string queue, IReadOnlyBasicProperties properties, byte[] body, DateTimeOffset now)
    {
        var fault = new EventFault(FaultReason.UnreadableMessage);
        var headers = Headers(properties);
        return new FailedRecord
        {
            Log = new LogPlace(Consumer, queue, Digest(headers, body), 0),
            Offset = 0,
            Tenant = Topics.DefaultTenant,
            Value = body,
            Headers = headers,
            LoggedAt = now,
            Cause = new FailureCause("receiving", FailureCause.Invalid, fault.Reason, fault.Detail),
            FailedFirst = now,
            FailedLast = now,
        };
    }

    /// <summary>Texts, bytes and numbers, in the order of their names. Not what RabbitMQ adds: it changes with each delivery.</summary>
    static IReadOnlyList<KeyValuePair<string, byte[]?>> Headers(IReadOnlyBasicProperties properties) =>
        [.. from h in (properties.Headers ?? new Dictionary<string, object?>()).OrderBy(h => h.Key, StringComparer.Ordinal)
            where !h.Key.StartsWith("x-", StringComparison.Ordinal) && h.Value is (byte[] or string or sbyte or byte or short or ushort or int or uint or long or bool)
            select new KeyValuePair<string, byte[]?>(h.Key, h.Value as byte[] ?? Encoding.UTF8.GetBytes(Convert.ToString(h.Value, CultureInfo.InvariantCulture)!))];

    static string Digest(IEnumerable<KeyValuePair<string, byte[]?>> headers, byte[] body)
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var part in headers.SelectMany(h => new[] { Encoding.UTF8.GetBytes(h.Key), h.Value! }).Append(body))
        {
            digest.AppendData(BitConverter.GetBytes(part.Length));
            digest.AppendData(part);
        }
        return Convert.ToHexStringLower(digest.GetHashAndReset());
    }

    /// <summary>Whether the delivery limit brought it here: every process that took it ended without an answer.</summary>
    static bool WasKilled(IReadOnlyBasicProperties properties) =>
        properties.Headers?.TryGetValue("x-death", out var deaths) == true && deaths is IEnumerable<object?> list
        && list.OfType<IDictionary<string, object?>>().Any(d => d.TryGetValue("reason", out var reason) && reason is byte[] bytes && bytes.AsSpan().SequenceEqual("delivery_limit"u8));
}
