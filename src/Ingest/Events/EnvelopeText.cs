using System.Text;
using System.Text.Json;
using Pipeline.Contracts.Events;

namespace Pipeline.Ingest.Events;

/// <summary>Texts around the events, by the same rules wherever they stand: body or query.</summary>
static class EnvelopeText
{
    /// <summary>A key as the contract defines it, or null for a JSON null. The reader stands on the value.</summary>
    public static bool TryRead(ref Utf8JsonReader reader, ReadOnlySpan<byte> body, out string? text)
    {
        text = null;
        if (reader.TokenType == JsonTokenType.Null)
            return true;
        if (reader.TokenType != JsonTokenType.String || !JsonStrings.HasOnlyScalarEscapes(reader.ValueSpan))
            return false;
        var token = new Token((int)reader.TokenStartIndex + 1, reader.ValueSpan.Length, JsonTokenType.String, reader.ValueIsEscaped);
        if (JsonStrings.CheckKey(token, body, "").Exists)
            return false;
        text = JsonStrings.GetString(token, body);
        return true;
    }

    public static bool IsKey(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return !JsonStrings.CheckKey(new Token(0, bytes.Length, JsonTokenType.String, Escaped: false), bytes, "").Exists;
    }

    /// <summary>RFC 3339, or nothing at all.</summary>
    public static bool TryTime(string? text, out long? unixUs)
    {
        unixUs = null;
        if (text is null)
            return true;
        if (!Rfc3339.TryParse(Encoding.UTF8.GetBytes(text), out var us))
            return false;
        unixUs = us;
        return true;
    }
}
