using System.Buffers.Binary;
using System.Text.Json;
using Pipeline.Contracts.Events;

namespace Pipeline.Sinks.Influx;

/// <summary>
/// An event as one point of measurement <c>efficiency_events</c>. Everything in it comes from the event alone, so that writing it again
/// overwrites itself.
/// </summary>
public static class EventPoint
{
    /// <summary>What is not in the event's own bytes: its id, the batch's tool, and how far its time was corrected.</summary>
    public readonly record struct Context(Guid EventId, ReadOnlyMemory<byte> BatchTool, long? CorrectedUs);

    /// <summary>Appends the event's line, without the line feed.</summary>
    public static void Write(LineProtocol lines, in ParsedEvent parsed, ReadOnlySpan<byte> body, in Context context)
    {
        lines.Raw("efficiency_events"u8);
        Tag(lines, ",event_type="u8, parsed.EventTypeToken, body);
        Tag(lines, ",project_id="u8, parsed.ProjectId, body);
        if (parsed.Tool.Kind == JsonTokenType.String)
            Tag(lines, ",tool="u8, parsed.Tool, body);
        else if (!context.BatchTool.IsEmpty)
        {
            lines.Raw(",tool="u8);
            lines.Tag(context.BatchTool.Span);
        }
        Tag(lines, ",user_id="u8, parsed.UserId, body);
        lines.Raw(" count=1i,event_id=\""u8);
        lines.Id(context.EventId);
        lines.Raw("\""u8);
        if (context.CorrectedUs is { } corrected)
        {
            lines.Raw(",corrected_ms="u8);
            lines.Float(corrected / 1000.0);
        }
        Fields(lines, parsed.DataObject.Raw(body));
        lines.Raw(" "u8);
        Timestamp(lines, parsed.TimestampUs, context.EventId);
    }

    /// <summary>
    /// The sender's time in ms plus a number of nanoseconds below 10⁶ made of the id: two events of one series and millisecond overwrite
    /// each other with odds of one in a million, one event always itself.
    /// </summary>
    public static long NanosecondsWithinMillisecond(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        return (long)(BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]) % 1_000_000);
    }

    static void Timestamp(LineProtocol lines, long timestampUs, Guid id)
    {
        var ms = Math.DivRem(timestampUs, 1000, out var rest) - (rest < 0 ? 1 : 0);
        // Years that int64 nanoseconds cannot hold are written out all the same: InfluxDB names the fault, and the line is dead-lettered.
        lines.Integer(((Int128)ms * 1_000_000) + NanosecondsWithinMillisecond(id));
    }

    static void Tag(LineProtocol lines, ReadOnlySpan<byte> name, Token token, ReadOnlySpan<byte> body)
    {
        lines.Raw(name);
        Span<byte> scratch = stackalloc byte[JsonStrings.DecodedKeyBytesMax];
        JsonStrings.TryDecodeKey(token, body, scratch, out var text);
        lines.Tag(text);
    }

    /// <summary>Numbers as floats and booleans of the object's first level; texts only where their values are few. Nested values stay in PostgreSQL.</summary>
    static void Fields(LineProtocol lines, ReadOnlySpan<byte> data)
    {
        var reader = new Utf8JsonReader(data, EventParser.ReaderOptions);
        reader.Read();
        Span<byte> scratch = stackalloc byte[512];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.ValueIsEscaped && reader.ValueSpan.Length <= scratch.Length ? scratch[..reader.CopyString(scratch)] : reader.ValueSpan;
            var isText = IsTextField(name);
            reader.Read();
            switch (reader.TokenType)
            {
                case JsonTokenType.Number:
                    FieldName(lines, name, ours: isText || IsOurs(name) || name.SequenceEqual("success"u8));
                    lines.Float(JsonNumbers.ToDouble(reader.ValueSpan));
                    break;
                case JsonTokenType.True or JsonTokenType.False:
                    FieldName(lines, name, ours: isText || IsOurs(name) || IsNumberOfTheContract(name));
                    lines.Raw(reader.TokenType == JsonTokenType.True ? "true"u8 : "false"u8);
                    break;
                case JsonTokenType.String when isText:
                    FieldName(lines, name, ours: false);
                    TextField(lines, ref reader);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }
    }

    static void TextField(LineProtocol lines, ref Utf8JsonReader reader)
    {
        if (!reader.ValueIsEscaped)
        {
            lines.Text(reader.ValueSpan);
            return;
        }
        var text = new byte[reader.ValueSpan.Length];
        lines.Text(text.AsSpan(0, reader.CopyString(text)));
    }

    /// <summary>A field of the sender's that would meet one of ours, a tag, or a text field with another type, is renamed <c>data_…</c>.</summary>
    static void FieldName(LineProtocol lines, ReadOnlySpan<byte> name, bool ours)
    {
        lines.Raw(ours ? ",data_"u8 : ","u8);
        if (name.IsEmpty)
            lines.Raw("_"u8);
        lines.FieldKey(name);
        lines.Raw("="u8);
    }

    static bool IsTextField(ReadOnlySpan<byte> name) =>
        name.SequenceEqual("type"u8) || name.SequenceEqual("action"u8) || name.SequenceEqual("annotationType"u8);

    /// <summary>A field has one type in all points of a shard; a boolean under a number's name, if it came first, would keep the numbers of everybody out.</summary>
    static bool IsNumberOfTheContract(ReadOnlySpan<byte> name) => DataFields.Parse(name) is DataField.Duration or DataField.AnnotationCount or DataField.Fps
        or DataField.MemoryUsage or DataField.CpuUsage or DataField.RenderTime or DataField.NetworkLatency or DataField.LoadTime;

    static bool IsOurs(ReadOnlySpan<byte> name) =>
        name.SequenceEqual("count"u8) || name.SequenceEqual("event_id"u8) || name.SequenceEqual("corrected_ms"u8) || name.SequenceEqual("time"u8)
        || name.SequenceEqual("event_type"u8) || name.SequenceEqual("project_id"u8) || name.SequenceEqual("tool"u8) || name.SequenceEqual("user_id"u8);
}
