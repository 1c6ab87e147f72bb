using System.Buffers;
using System.Buffers.Text;

namespace Pipeline.Sinks.Influx;

/// <summary>
/// Writes InfluxDB line protocol (docs.influxdata.com, "Line protocol") into one growing buffer. Special characters are escaped, so that no
/// text of a sender can end a field, a line or a tag. Texts are UTF-8.
/// </summary>
public sealed class LineProtocol
{
    readonly ArrayBufferWriter<byte> _buffer = new(64 * 1024);

    public ReadOnlyMemory<byte> Bytes => _buffer.WrittenMemory;

    public int Length => _buffer.WrittenCount;

    public void Clear() => _buffer.ResetWrittenCount();

    public void Raw(ReadOnlySpan<byte> ascii) => _buffer.Write(ascii);

    /// <summary>A tag value. InfluxDB takes a comma, an equals sign or a space as text if a backslash stands right before it, whatever stands before that.</summary>
    public void Tag(ReadOnlySpan<byte> text) => Escaped(text, doublesBackslashes: false);

    /// <summary>How a tag's text is shown by InfluxDB, and has to be asked for: as it was sent, but for what <see cref="Tag"/> cannot write.</summary>
    public static string TagAsStored(string text) => text.EndsWith('\\') ? text + " " : text;

    /// <summary>
    /// A field key. Here InfluxDB reads backslashes in pairs, so that those before a comma, an equals sign or a space are doubled, and shown
    /// doubled.
    /// </summary>
    public void FieldKey(ReadOnlySpan<byte> text) => Escaped(text, doublesBackslashes: true);

    /// <remarks>
    /// Neither can end in a backslash, which would hide the separator behind it; a space is put after it. Control characters become an
    /// underscore.
    /// </remarks>
    void Escaped(ReadOnlySpan<byte> text, bool doublesBackslashes)
    {
        var target = _buffer.GetSpan(text.Length * 2 + 2);
        if (text.IndexOfAny(Special) < 0 && text.IndexOfAnyInRange((byte)0, (byte)0x1F) < 0)
        {
            text.CopyTo(target);
            _buffer.Advance(text.Length);
            return;
        }
        int written = 0, backslashes = 0;
        foreach (var b in text)
        {
            if (b is (byte)',' or (byte)'=' or (byte)' ')
                EscapeNext(target);
            backslashes = b == '\\' ? backslashes + 1 : 0;
            target[written++] = b < 0x20 ? (byte)'_' : b;
        }
        if (backslashes > 0)
        {
            EscapeNext(target);
            target[written++] = (byte)' ';
        }
        _buffer.Advance(written);

        void EscapeNext(Span<byte> target)
        {
            var added = 1 + (doublesBackslashes ? backslashes : 0);
            target.Slice(written, added).Fill((byte)'\\');
            written += added;
        }
    }

    static readonly SearchValues<byte> Special = SearchValues.Create(",= \\"u8);

    /// <summary>A string field's value with its quotes.</summary>
    public void Text(ReadOnlySpan<byte> text)
    {
        var target = _buffer.GetSpan(text.Length * 2 + 2);
        var written = 0;
        target[written++] = (byte)'"';
        foreach (var b in text)
        {
            if (b is (byte)'"' or (byte)'\\')
                target[written++] = (byte)'\\';
            target[written++] = b;
        }
        target[written++] = (byte)'"';
        _buffer.Advance(written);
    }

    public void Float(double value)
    {
        Utf8Formatter.TryFormat(value, _buffer.GetSpan(32), out var written);
        _buffer.Advance(written);
    }

    public void Integer(long value)
    {
        Utf8Formatter.TryFormat(value, _buffer.GetSpan(24), out var written);
        _buffer.Advance(written);
    }

    public void Integer(Int128 value)
    {
        value.TryFormat(_buffer.GetSpan(48), out var written, default, System.Globalization.CultureInfo.InvariantCulture);
        _buffer.Advance(written);
    }

    public void Id(Guid id)
    {
        Utf8Formatter.TryFormat(id, _buffer.GetSpan(36), out var written, 'D');
        _buffer.Advance(written);
    }
}
