using System.Text;
using System.Text.Json;
using System.Text.Unicode;
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
        if (reader.TokenType != JsonTokenType.String || !Utf8.IsValid(reader.ValueSpan) || !JsonStrings.HasOnlyScalarEscapes(reader.ValueSpan))
            return false;
        var token = new Token((int)reader.TokenStartIndex + 1, reader.ValueSpan.Length, JsonTokenType.String, reader.ValueIsEscaped);
        if (JsonStrings.CheckKey(token, body, "").Exists)
            return false;
        text = JsonStrings.GetString(token, body);
        return true;
    }

    /// <summary>Whether the property the reader stands on has this name. The reader's own comparison throws for half a surrogate pair.</summary>
    public static bool IsNamed(ref Utf8JsonReader reader, ReadOnlySpan<byte> name) =>
        (!reader.ValueIsEscaped || JsonStrings.HasOnlyScalarEscapes(reader.ValueSpan)) && reader.ValueTextEquals(name);

    public static bool IsKey(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return !JsonStrings.CheckKey(new Token(0, bytes.Length, JsonTokenType.String, Escaped: false), bytes, "").Exists;
    }

    /// <summary>RFC 3339, or nothing at all. Cut to ms, which is what the header carries: Ingest and the processors judge by the same time.</summary>
    public static bool TryTime(string? text, out long? unixUs)
    {
        unixUs = null;
        if (text is null)
            return true;
        if (!Rfc3339.TryParse(Encoding.UTF8.GetBytes(text), out var us))
            return false;
        unixUs = us - (us % 1000);
        return true;
    }
}
