using System.Text;
using System.Text.Json;

namespace Pipeline.Contracts.Events;

/// <summary>Strings inside JSON bytes: what they may hold, and their text without escapes.</summary>
public static class JsonStrings
{
    /// <summary>Room for the longest valid key: 128 code points of four bytes.</summary>
    public const int DecodedKeyBytesMax = EventLimits.KeyCharactersMax * 4;

    /// <summary>A key escaped throughout takes twelve bytes a code point (a surrogate pair of two \uXXXX).</summary>
    const int EscapedKeyBytesMax = EventLimits.KeyCharactersMax * 12;

    /// <summary>The fault of a string that becomes part of a key: 1 to 128 code points without control characters.</summary>
    public static EventFault CheckKey(Token token, ReadOnlySpan<byte> body, string field)
    {
        Span<byte> scratch = stackalloc byte[DecodedKeyBytesMax];
        if (!TryDecodeKey(token, body, scratch, out var text) || text.IsEmpty || CodePoints(text) > EventLimits.KeyCharactersMax)
            return new EventFault(FaultReason.InvalidLength, field);
        return text.IndexOfAnyInRange((byte)0, (byte)0x1F) >= 0 || text.Contains((byte)0x7F)
            ? new EventFault(FaultReason.ControlCharacter, field) : EventFault.None;
    }

    /// <summary>The text of a string token in UTF-8. Unescaped tokens are returned in place, others are written to <paramref name="scratch"/>.</summary>
    /// <returns>False when the text is longer than a key can be.</returns>
    public static bool TryDecodeKey(Token token, ReadOnlySpan<byte> body, Span<byte> scratch, out ReadOnlySpan<byte> text)
    {
        var raw = token.Raw(body);
        text = raw;
        if (!token.Escaped)
            return raw.Length <= DecodedKeyBytesMax;
        if (raw.Length > EscapedKeyBytesMax)
            return false;
        Span<byte> unescaped = stackalloc byte[EscapedKeyBytesMax];
        // The reader undoes escapes only of whole tokens, so the quotes around the slice are read again.
        var reader = new Utf8JsonReader(body.Slice(token.Start - 1, token.Length + 2));
        reader.Read();
        var written = reader.CopyString(unescaped);
        if (written > DecodedKeyBytesMax)
            return false;
        unescaped[..written].CopyTo(scratch);
        text = scratch[..written];
        return true;
    }

    /// <summary>
    /// Whether every escape yields a Unicode scalar value other than U+0000. Half surrogate pairs have no UTF-8 form and PostgreSQL's
    /// text holds no U+0000, so that events with either could be stored but never be queried.
    /// </summary>
    public static bool HasOnlyScalarEscapes(ReadOnlySpan<byte> json)
    {
        for (var at = json.IndexOf((byte)'\\'); at >= 0 && at + 1 < json.Length;)
        {
            var next = at + 2;
            if (json[at + 1] == 'u')
            {
                if (!TryHex(json, at + 2, out var unit) || unit == 0 || (unit & 0xFC00) == 0xDC00)
                    return false;
                next = at + 6;
                if ((unit & 0xFC00) == 0xD800)
                {
                    if (next + 6 > json.Length || json[next] != '\\' || json[next + 1] != 'u' || !TryHex(json, next + 2, out var low) || (low & 0xFC00) != 0xDC00)
                        return false;
                    next += 6;
                }
            }
            var step = json[next..].IndexOf((byte)'\\');
            at = step < 0 ? -1 : next + step;
        }
        return true;
    }

    static bool TryHex(ReadOnlySpan<byte> json, int start, out int unit)
    {
        unit = 0;
        return start + 4 <= json.Length && System.Buffers.Text.Utf8Parser.TryParse(json.Slice(start, 4), out unit, out var used, 'x') && used == 4;
    }

    static int CodePoints(ReadOnlySpan<byte> utf8)
    {
        var count = 0;
        foreach (var b in utf8)
            if ((b & 0xC0) != 0x80)
                count++;
        return count;
    }

    /// <summary>The text of a key that was checked before.</summary>
    public static string GetString(Token token, ReadOnlySpan<byte> body)
    {
        Span<byte> scratch = stackalloc byte[DecodedKeyBytesMax];
        return TryDecodeKey(token, body, scratch, out var text)
            ? Encoding.UTF8.GetString(text) : throw new ArgumentException("not a checked key", nameof(token));
    }
}
