using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Pipeline.DevTool.Simulation;

/// <summary>
/// Writes events as JSON, one behind the other, into one growing buffer. The texts are our own and hold nothing that would have to be escaped,
/// which makes this several times as fast as a writer that looks.
/// </summary>
sealed class EventText
{
    /// <summary>More than the longest event that the simulation makes, so that room is looked for once an event.</summary>
    const int EventBytesMax = 2048;
    const long DayMs = 24 * 3600 * 1000;

    readonly byte[] _date = new byte[11];
    byte[] _buffer = new byte[1024 * 1024];
    long _dateOf = -1;
    bool _first;

    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Slice(int start, int length) => _buffer.AsMemory(start, length);

    public void Cut(int length) => Length = length;

    /// <summary>Everything up to and with the opening brace of <c>data</c>.</summary>
    /// <param name="context">What stays the same from event to event: from the quote behind <c>timestamp</c> to that brace.</param>
    public EventText Begin(ulong idHigh, ulong idLow, ReadOnlySpan<byte> type, long timestampMs, ReadOnlySpan<byte> context)
    {
        if (_buffer.Length - Length < EventBytesMax)
            Array.Resize(ref _buffer, _buffer.Length * 2);
        Raw("{\"event_id\":\""u8);
        Id(idHigh, idLow);
        Raw("\",\"event_type\":\""u8);
        Raw(type);
        Raw("\",\"timestamp\":\""u8);
        Time(timestampMs);
        Raw(context);
        _first = true;
        return this;
    }

    public EventText Text(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        Name(name);
        Byte('"');
        Raw(value);
        Byte('"');
        return this;
    }

    /// <summary>A text that ends in numbers, such as <c>sim-task-12-7</c>.</summary>
    public EventText Text(ReadOnlySpan<byte> name, ReadOnlySpan<byte> prefix, int one, int other)
    {
        Name(name);
        Byte('"');
        Raw(prefix);
        Digits(one);
        Byte('-');
        Digits(other);
        Byte('"');
        return this;
    }

    public EventText Number(ReadOnlySpan<byte> name, long value)
    {
        Name(name);
        Digits(value);
        return this;
    }

    /// <summary>One digit behind the point, none where it is 0.</summary>
    public EventText Number(ReadOnlySpan<byte> name, double value)
    {
        var tenths = (long)((value * 10) + 0.5);
        Number(name, tenths / 10);
        if (tenths % 10 is var rest and > 0)
        {
            Byte('.');
            Byte((char)('0' + rest));
        }
        return this;
    }

    public EventText Truth(ReadOnlySpan<byte> name, bool value)
    {
        Name(name);
        Raw(value ? "true"u8 : "false"u8);
        return this;
    }

    public EventText Null(ReadOnlySpan<byte> name)
    {
        Name(name);
        Raw("null"u8);
        return this;
    }

    /// <param name="metadata">Null or an object.</param>
    public void End(ReadOnlySpan<byte> metadata = default)
    {
        Byte('}');
        if (!metadata.IsEmpty)
        {
            Raw(",\"metadata\":"u8);
            Raw(metadata);
        }
        Byte('}');
    }

    void Name(ReadOnlySpan<byte> name)
    {
        if (!_first)
            Byte(',');
        _first = false;
        Byte('"');
        Raw(name);
        Byte('"');
        Byte(':');
    }

    void Raw(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_buffer.AsSpan(Length));
        Length += bytes.Length;
    }

    void Byte(char character) => _buffer[Length++] = (byte)character;

    void Digits(long value)
    {
        Utf8Formatter.TryFormat(value, _buffer.AsSpan(Length), out var written);
        Length += written;
    }

    /// <summary>Version 4 of RFC 9562, as browsers make them: the ledger meets ids in no order.</summary>
    void Id(ulong high, ulong low)
    {
        var id = new Guid((uint)(high >> 32), (ushort)(high >> 16), (ushort)((high & 0x0FFF) | 0x4000), (byte)((low >> 56 & 0x3F) | 0x80), (byte)(low >> 48),
            (byte)(low >> 40), (byte)(low >> 32), (byte)(low >> 24), (byte)(low >> 16), (byte)(low >> 8), (byte)low);
        id.TryFormat(_buffer.AsSpan(Length), out var written);
        Length += written;
    }

    void Time(long ms)
    {
        if (ms / DayMs is var day && day != _dateOf)
        {
            var date = DateOnly.FromDayNumber((int)(day + DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber));
            Encoding.ASCII.GetBytes(date.ToString("yyyy-MM-dd'T'", CultureInfo.InvariantCulture), _date);
            _dateOf = day;
        }
        Raw(_date);
        var rest = (int)(ms % DayMs);
        Pair(rest / 3_600_000);
        Byte(':');
        Pair(rest / 60_000 % 60);
        Byte(':');
        Pair(rest / 1000 % 60);
        Byte('.');
        Byte((char)('0' + (rest / 100 % 10)));
        Pair(rest % 100);
        Byte('Z');
    }

    void Pair(int value)
    {
        Byte((char)('0' + (value / 10)));
        Byte((char)('0' + (value % 10)));
    }
}
