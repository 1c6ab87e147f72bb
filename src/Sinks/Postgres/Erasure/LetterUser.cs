using System.Text;
using System.Text.Json;
using Pipeline.Contracts.Events;

namespace Pipeline.Sinks.Postgres.Erasure;

/// <summary>Whose a dead letter is, as far as its bytes tell: the event's user, else the record's key, which is the user by contract.</summary>
readonly record struct LetterUser(string? UserId, long? TimestampUs)
{
    public static LetterUser Of(byte[]? key, byte[]? value)
    {
        if (value is not null)
        {
            ParsedEvent parsed = default;
            EventParser.Parse(value, ref parsed);
            Span<byte> scratch = stackalloc byte[JsonStrings.DecodedKeyBytesMax];
            if (parsed.UserId.Kind == JsonTokenType.String && JsonStrings.HasOnlyScalarEscapes(value) && JsonStrings.TryDecodeKey(parsed.UserId, value, scratch, out var text))
                return new LetterUser(Encoding.UTF8.GetString(text), parsed.TimestampUs == 0 ? null : parsed.TimestampUs);
        }
        return new LetterUser(key is null ? null : Encoding.UTF8.GetString(key), null);
    }
}
