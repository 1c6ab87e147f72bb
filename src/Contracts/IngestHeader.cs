using System.Buffers.Text;
using System.Globalization;
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

        static int Digits(int value) => value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : value.ToString(CultureInfo.InvariantCulture).Length;
    }

    /// <summary>Reads headers one after the other. Those of one batch differ in their position only, so that the rest is read once.</summary>
    public sealed class Parser
    {
        byte[] _before = [], _after = [];
        IngestHeader? _last;

        public bool TryParse(ReadOnlySpan<byte> value, out IngestHeader? header)
        {
            if (_last is not null && value.Length > _before.Length + _after.Length && value.StartsWith(_before) && value.EndsWith(_after) && value[_before.Length] != '+'
                && Utf8Parser.TryParse(value[_before.Length..^_after.Length], out int position, out var used) && used == value.Length - _before.Length - _after.Length && position >= 0)
            {
                header = _last with { Position = position };
                return true;
            }
            _last = null;
            if (!IngestHeader.TryParse(value, out header))
                return false;
            Remember(value, header!);
            return true;
        }

        void Remember(ReadOnlySpan<byte> value, IngestHeader header)
        {
            var start = 0;
            for (var separators = 0; separators < 4; start++)
                separators += value[start] == ';' ? 1 : 0;
            var length = value[start..].IndexOf((byte)';');
            if (length == 0)
                return;
            (_before, _after, _last) = (value[..start].ToArray(), value[(start + length)..].ToArray(), header);
        }
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
        if (text.AsSpan().Split(parts, ';') != Fields || text[parts[0]] != "1" || !TryNumber(text[parts[1]], ReceivedAtMsMax, out var receivedAt) || receivedAt is null
            || !TryNumber(text[parts[4]], int.MaxValue, out var position) || position < 0 || !TryNumber(text[parts[5]], SentAtMsMax, out var sentAt))
            return false;
        for (var i = 2; i < Fields; i++)
            if (!IsText(text[parts[i]]))
                return false;
        header = new IngestHeader(receivedAt.Value, Unescape(text[parts[2]]) ?? Topics.DefaultTenant, Unescape(text[parts[3]]), (int)(position ?? 0), sentAt,
            Unescape(text[parts[6]]), Unescape(text[parts[7]]));
        return true;
    }

    /// <summary>The year 9000: an event dated a day after its receipt is still inside the calendar.</summary>
    const long ReceivedAtMsMax = 221_845_392_000_000;

    /// <summary>More than RFC 3339 can say with any offset, so that what Ingest took is never refused here; its microseconds do not overflow.</summary>
    const long SentAtMsMax = 1_000_000_000_000_000;

    /// <summary>Null for an empty field. No white space and no plus sign: nothing that <see cref="Template"/> does not write.</summary>
    static bool TryNumber(string text, long absoluteMax, out long? value)
    {
        value = null;
        if (text.Length == 0)
            return true;
        if (text[0] == '+' || !long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) || number > absoluteMax || number < -absoluteMax)
            return false;
        value = number;
        return true;
    }

    /// <summary>Bounded, without control characters, and every percent sign begins an escape of UTF-8: one that does not stays in the decoded text.</summary>
    static bool IsText(string text)
    {
        if (text.Length == 0)
            return true;
        var decoded = Unescape(text)!;
        return decoded.Length <= TextLengthMax && decoded.AsSpan().IndexOfAnyInRange('\0', '\x1F') < 0 && !decoded.Contains('\x7F')
            && decoded.AsSpan().Count('%') == text.AsSpan().Count("%25");
    }

    static string Escape(string? text) => text is null ? "" : Uri.EscapeDataString(text);

    static string? Unescape(string text) => text.Length == 0 ? null : Uri.UnescapeDataString(text);
}
