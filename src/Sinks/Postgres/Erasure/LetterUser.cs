using System.Text;
using System.Text.Json;
using Pipeline.Contracts.Analysis;
using Pipeline.Contracts.Events;

namespace Pipeline.Sinks.Postgres.Erasure;

/// <summary>Whose a dead letter is, as far as its bytes tell: the event's user, the one whose events a request wants analysed, else the record's key, which is the user by contract.</summary>
readonly record struct LetterUser(string? UserId, long? TimestampUs)
{
    /// <summary>Bytes that ended or threw at their reader are not read again, here as little as anywhere else.</summary>
    static readonly string[] NotToBeRead = [new EventFault(FaultReason.KilledProcessor).Code, new EventFault(FaultReason.ProcessorFailed).Code];

    public static bool IsNotToBeRead(string reason) => NotToBeRead.Contains(reason);

    /// <param name="reason">The letter's reason code.</param>
    public static LetterUser Of(string reason, byte[]? key, byte[]? value)
    {
        if (value is not null && !IsNotToBeRead(reason))
        {
            ParsedEvent parsed = default;
            EventParser.Parse(value, ref parsed);
            Span<byte> scratch = stackalloc byte[JsonStrings.DecodedKeyBytesMax];
            if (parsed.UserId.Kind == JsonTokenType.String && JsonStrings.HasOnlyScalarEscapes(value) && JsonStrings.TryDecodeKey(parsed.UserId, value, scratch, out var text))
                return new LetterUser(Encoding.UTF8.GetString(text), parsed.TimestampUs == 0 ? null : parsed.TimestampUs);
            // A request for an analysis of one user's events.
            if (AnalysisRequestReader.Read(value, out var request) is null && request!.Input is EventsInput { UserId: { } asked })
                return new LetterUser(asked, null);
        }
        return new LetterUser(key is null ? null : Encoding.UTF8.GetString(key), null);
    }
}
