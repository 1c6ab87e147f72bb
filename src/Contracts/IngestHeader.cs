using System.Buffers.Text;
using System.Text;

namespace Pipeline.Contracts;

/// <summary>
/// How an event came in: <c>1;received_at;tenant;batch_id;position;sent_at;tool;version</c> in ASCII, each text percent-encoded,
/// times in unix ms, an absent field empty. One header and not seven, because each costs the Kafka client 0.5–1 µs an event.
/// </summary>
public sealed record IngestHeader(long ReceivedAtMs, string Tenant, string? BatchId, int Position, long? SentAtMs, string? Tool, string? Version)
{
    const int Fields = 8;

    /// <summary>128 code points of two UTF-16 units.</summary>
    const int TextLengthMax = Events.EventLimits.KeyCharactersMax * 2;

    /// <summary>The part before the position and the part after it, so that a batch encodes its texts once.</summary>
    public sealed class Template(long receivedAtMs, string tenant, string? batchId, long? sentAtMs, string? tool, string? version)
    {
        readonly byte[] _before = Encoding.ASCII.GetBytes($"1;{receivedAtMs};{Escape(tenant)};{Escape(batchId)};");
        readonly byte[] _after = Encoding.ASCII.GetBytes($";{sentAtMs};{Escape(tool)};{Escape(version)}");

        public int Length(int position) => _before.Length + Digits(position) + _after.Length;

        public void Write(int position, Span<byte> destination)
        {
            _before.CopyTo(destination);
            Utf8Formatter.TryFormat(position, destination[_before.Length..], out var written);
            _after.CopyTo(destination[(_before.Length + written)..]);
        }

        static int Digits(int value) => value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : value.ToString(System.Globalization.CultureInfo.InvariantCulture).Length;
    }

    public byte[] Encode()
    {
        var template = new Template(ReceivedAtMs, Tenant, BatchId, SentAtMs, Tool, Version);
        var bytes = new byte[template.Length(Position)];
        template.Write(Position, bytes);
        return bytes;
    }

    /// <summary>False for anything this version did not write: the record is then dead-lettered, not guessed at.</summary>
    public static bool TryParse(ReadOnlySpan<byte> value, out IngestHeader? header)
    {
        header = null;
        Span<Range> parts = stackalloc Range[Fields + 1];
        var text = value.Length <= 8192 && Ascii.IsValid(value) ? Encoding.ASCII.GetString(value) : "";
        if (text.AsSpan().Split(parts, ';') != Fields || text[parts[0]] != "1" || !long.TryParse(text[parts[1]], out var receivedAt))
            return false;
        var position = 0;
        if (text[parts[4]] is { Length: > 0 } p && !int.TryParse(p, out position))
            return false;
        long? sentAt = null;
        if (text[parts[5]] is { Length: > 0 } s)
        {
            if (!long.TryParse(s, out var ms))
                return false;
            sentAt = ms;
        }
        if (!IsTime(receivedAt) || (sentAt is { } sent && !IsTime(sent)) || position < 0)
            return false;
        for (var i = 2; i < Fields; i++)
            if (Unescape(text[parts[i]]) is { } decoded && (decoded.Length > TextLengthMax || decoded.AsSpan().IndexOfAnyInRange('\0', '\x1F') >= 0))
                return false;
        header = new IngestHeader(receivedAt, Unescape(text[parts[2]]) ?? Topics.DefaultTenant, Unescape(text[parts[3]]), position, sentAt,
            Unescape(text[parts[6]]), Unescape(text[parts[7]]));
        return true;
    }

    /// <summary>Years 1 to 9999, so that microseconds of it never overflow.</summary>
    static bool IsTime(long ms) => ms is > -62_135_596_800_000 and < 253_402_300_800_000;

    static string Escape(string? text) => text is null ? "" : Uri.EscapeDataString(text);

    static string? Unescape(string text) => text.Length == 0 ? null : Uri.UnescapeDataString(text);
}
