using System.Text;

namespace Pipeline.Sinks.Postgres;

/// <summary>The identity of a dead letter: where its record lies, and who could not take it.</summary>
public sealed record DeadLetterPlace(string Consumer, string TopicId, int Partition, long Offset);

/// <summary>Where a list goes on: the letter that the page before ended with.</summary>
public sealed record DeadLetterCursor(DateTime FailedFirst, DeadLetterPlace Place);

/// <param name="Value">The header's bytes, base64 in JSON; null where the record had none.</param>
public sealed record DeadLetterHeader(string Name, byte[]? Value);

/// <summary>A dead letter with everything that is known about it.</summary>
/// <param name="LoggedAt">The record's own broker time.</param>
/// <param name="PublishedAt">When RabbitMQ confirmed its announcement.</param>
/// <param name="ClosedAt">When a redrive of it was settled.</param>
/// <param name="Key">The record's key, base64 in JSON; null where it had none.</param>
/// <param name="Value">The record's bytes, base64 in JSON; null where it had none.</param>
/// <param name="ValueBytes">Their number in the record, however many are shown here.</param>
/// <param name="Truncated">Whether value, key, headers or message are too large for a list: the letter's own address gives them whole.</param>
public sealed record StoredDeadLetter(
    string Consumer, string Topic, string TopicId, int Partition, long Offset, string Tenant, string Stage, string Kind, string Reason, string Message,
    string Fingerprint, int Attempts, string? Algorithm, string? AlgorithmVersion, DateTime LoggedAt, DateTime FailedFirst, DateTime FailedLast,
    DateTime? PublishedAt, DateTime? ClosedAt, byte[]? Key, IReadOnlyList<DeadLetterHeader> Headers, byte[]? Value, int? ValueBytes, bool Truncated)
{
    static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The value as text where it is UTF-8; of a value that is cut, its whole characters.</summary>
    public string? ValueText
    {
        get
        {
            if (Value is null)
                return null;
            try
            {
                return Strict.GetString(Value, 0, Value.Length == ValueBytes ? Value.Length : WholeCharacters(Value));
            }
            catch (DecoderFallbackException)
            {
                return null;
            }
        }
    }

    internal DeadLetterCursor Cursor => new(FailedFirst, new DeadLetterPlace(Consumer, TopicId, Partition, Offset));

    /// <summary>Without the first bytes of a character whose rest was cut off.</summary>
    static int WholeCharacters(byte[] text)
    {
        var last = text.Length - 1;
        while (last >= 0 && text.Length - last < 4 && (text[last] & 0xC0) == 0x80)
            last--;
        return last >= 0 && text[last] >= 0xC0 ? last : text.Length;
    }
}

/// <summary>Dead letters of one cause.</summary>
/// <param name="Tenants">How many tenants have one.</param>
/// <param name="First">The earliest failure.</param>
/// <param name="Last">The latest failure.</param>
/// <param name="Example">The newest letter's place.</param>
public sealed record DeadLetterGroup(
    string Fingerprint, string Consumer, string Reason, string Kind, string Stage, long Count, long Tenants, DateTime First, DateTime Last, DeadLetterExample Example);

public sealed record DeadLetterExample(string Consumer, string Topic, string TopicId, int Partition, long Offset);
