using System.Text.Json;
using System.Text.Unicode;

namespace Pipeline.Contracts.Events;

/// <summary>
/// Reads and checks one event. The same code decides at Ingest and in the processors, so that what Ingest accepted is never refused later.
/// </summary>
public static class EventParser
{
    /// <summary>Depth that the reader allows; an event deeper than <see cref="EventLimits.DepthMax"/> is a fault of that event alone, not of the body around it.</summary>
    public const int ReaderDepthMax = 1_000_000;

    public static readonly JsonReaderOptions ReaderOptions = new() { MaxDepth = ReaderDepthMax };

    /// <summary>Reads a whole record value as one event. Never throws for what the bytes hold.</summary>
    public static EventFault Parse(ReadOnlySpan<byte> value, ref ParsedEvent parsed)
    {
        parsed = default;
        if (value.Length > EventLimits.EventBytesMax)
            return new EventFault(FaultReason.TooLarge);
        if (!Utf8.IsValid(value))
            return new EventFault(FaultReason.InvalidUtf8);
        try
        {
            var reader = new Utf8JsonReader(value, ReaderOptions);
            if (!reader.Read())
                return new EventFault(FaultReason.MalformedJson);
            var fault = ReadEvent(ref reader, value, ref parsed);
            return reader.Read() ? new EventFault(FaultReason.MalformedJson) : fault;
        }
        catch (JsonException)
        {
            return new EventFault(FaultReason.MalformedJson);
        }
    }

    /// <summary>
    /// Reads the value the reader stands on (its first token was read) and leaves the reader on its last token, whatever the fault, so
    /// that the next event of a batch can be read. UTF-8 was checked by the caller.
    /// </summary>
    /// <exception cref="JsonException">The bytes are not JSON.</exception>
    public static EventFault ReadEvent(ref Utf8JsonReader reader, ReadOnlySpan<byte> body, ref ParsedEvent parsed)
    {
        parsed = default;
        parsed.Start = (int)reader.TokenStartIndex;
        EventFault fault;
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            fault = new EventFault(FaultReason.NotAnObject);
        }
        else
        {
            fault = ReadFields(ref reader, ref parsed);
        }
        parsed.Length = (int)reader.BytesConsumed - parsed.Start;
        if (fault.Exists)
            return fault;
        var bytes = body.Slice(parsed.Start, parsed.Length);
        if (bytes.Length > EventLimits.EventBytesMax)
            return new EventFault(FaultReason.TooLarge);
        if (!JsonStrings.HasOnlyScalarEscapes(bytes))
            return new EventFault(FaultReason.InvalidString);
        return Check(ref parsed, body);
    }

    static EventFault ReadFields(ref Utf8JsonReader reader, ref ParsedEvent parsed)
    {
        var fault = EventFault.None;
        var deepest = reader.CurrentDepth + EventLimits.DepthMax - 1;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            ref var slot = ref Slot(ref parsed, ref reader, out var name);
            reader.Read();
            if (name is null)
                Note(ref fault, Skip(ref reader, deepest));
            else if (slot.Exists)
                Note(ref fault, Duplicate(ref reader, name, deepest));
            else if (name == "data" && reader.TokenType == JsonTokenType.StartObject)
                Note(ref fault, ReadData(ref reader, ref slot, ref parsed.Data, deepest));
            else
            {
                slot = TokenOf(ref reader);
                Note(ref fault, Skip(ref reader, deepest));
            }
        }
        return fault;
    }

    static EventFault ReadData(ref Utf8JsonReader reader, ref Token whole, ref DataTokens data, int deepest)
    {
        var fault = EventFault.None;
        var start = (int)reader.TokenStartIndex;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var field = NameOf(ref reader);
            reader.Read();
            if (field != DataField.Unknown)
            {
                ref var slot = ref data[(int)field];
                if (slot.Exists)
                    Note(ref fault, new EventFault(FaultReason.DuplicateField, field.Path()));
                slot = TokenOf(ref reader);
            }
            Note(ref fault, Skip(ref reader, deepest));
        }
        whole = new Token(start, (int)reader.BytesConsumed - start, JsonTokenType.StartObject, Escaped: false);
        return fault;
    }

    static DataField NameOf(ref Utf8JsonReader reader)
    {
        if (!reader.ValueIsEscaped)
            return DataFields.Parse(reader.ValueSpan);
        Span<byte> name = stackalloc byte[256];
        return TryUnescape(ref reader, name, out var length) ? DataFields.Parse(name[..length]) : DataField.Unknown;
    }

    static bool TryUnescape(scoped ref Utf8JsonReader reader, scoped Span<byte> name, out int length)
    {
        length = 0;
        // Half surrogates make CopyString throw; the event is refused for them later, the name only has to be "unknown" here.
        if (reader.ValueSpan.Length > name.Length || !JsonStrings.HasOnlyScalarEscapes(reader.ValueSpan))
            return false;
        length = reader.CopyString(name);
        return true;
    }

    /// <summary>The place in <paramref name="parsed"/> for the property that the reader stands on; the name is null for a field that the contract does not know.</summary>
    static ref Token Slot(ref ParsedEvent parsed, scoped ref Utf8JsonReader reader, out string? name)
    {
        Span<byte> scratch = stackalloc byte[256];
        scoped var text = reader.ValueSpan;
        if (reader.ValueIsEscaped)
            text = TryUnescape(ref reader, scratch, out var length) ? scratch[..length] : default;
        switch (text.Length)
        {
            case 4 when text.SequenceEqual("data"u8): name = "data"; return ref parsed.DataObject;
            case 4 when text.SequenceEqual("tool"u8): name = "tool"; return ref parsed.Tool;
            case 7 when text.SequenceEqual("user_id"u8): name = "user_id"; return ref parsed.UserId;
            case 7 when text.SequenceEqual("task_id"u8): name = "task_id"; return ref parsed.TaskId;
            case 8 when text.SequenceEqual("event_id"u8): name = "event_id"; return ref parsed.EventIdToken;
            case 8 when text.SequenceEqual("metadata"u8): name = "metadata"; return ref parsed.Metadata;
            case 9 when text.SequenceEqual("timestamp"u8): name = "timestamp"; return ref parsed.TimestampToken;
            case 10 when text.SequenceEqual("event_type"u8): name = "event_type"; return ref parsed.EventTypeToken;
            case 10 when text.SequenceEqual("project_id"u8): name = "project_id"; return ref parsed.ProjectId;
            case 10 when text.SequenceEqual("session_id"u8): name = "session_id"; return ref parsed.SessionId;
            default: name = null; return ref parsed.Metadata;
        }
    }

    /// <summary>Passes over a value, checking its numbers and its depth, and leaves the reader on its last token.</summary>
    /// <param name="deepest">The reader's depth of the innermost object or array that the event may hold: levels around the event do not count.</param>
    static EventFault Skip(ref Utf8JsonReader reader, int deepest)
    {
        if (reader.TokenType == JsonTokenType.Number)
            return JsonNumbers.IsFinite(reader.ValueSpan) ? EventFault.None : new EventFault(FaultReason.NumberOutOfRange);
        if (reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
            return EventFault.None;
        var fault = EventFault.None;
        var depth = reader.CurrentDepth;
        do
        {
            if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray && reader.CurrentDepth > deepest)
                Note(ref fault, new EventFault(FaultReason.TooDeep));
            else if (reader.TokenType == JsonTokenType.Number && !JsonNumbers.IsFinite(reader.ValueSpan))
                Note(ref fault, new EventFault(FaultReason.NumberOutOfRange));
        }
        while (reader.Read() && reader.CurrentDepth > depth);
        return fault;
    }

    static EventFault Duplicate(ref Utf8JsonReader reader, string name, int deepest)
    {
        Skip(ref reader, deepest);
        return new EventFault(FaultReason.DuplicateField, name);
    }

    static Token TokenOf(ref Utf8JsonReader reader)
    {
        var quoted = reader.TokenType == JsonTokenType.String ? 1 : 0;
        return new Token((int)reader.TokenStartIndex + quoted, reader.ValueSpan.Length, reader.TokenType, reader.ValueIsEscaped);
    }

    /// <summary>The first fault of an event is the one reported.</summary>
    static void Note(ref EventFault fault, EventFault found)
    {
        if (!fault.Exists)
            fault = found;
    }

    static EventFault Check(ref ParsedEvent parsed, ReadOnlySpan<byte> body)
    {
        var fault = CheckKey(parsed.EventTypeToken, body, "event_type", required: true);
        if (fault.Exists)
            return fault;
        Span<byte> scratch = stackalloc byte[JsonStrings.DecodedKeyBytesMax];
        if (!JsonStrings.TryDecodeKey(parsed.EventTypeToken, body, scratch, out var type) || (parsed.Type = EventTypes.Parse(type)) == EventType.None)
            return new EventFault(FaultReason.InvalidValue, "event_type");
        if ((fault = CheckKey(parsed.UserId, body, "user_id", required: true)).Exists
            || (fault = CheckKey(parsed.ProjectId, body, "project_id", required: true)).Exists
            || (fault = CheckKey(parsed.TaskId, body, "task_id", required: false)).Exists
            || (fault = CheckKey(parsed.SessionId, body, "session_id", required: false)).Exists
            || (fault = CheckKey(parsed.Tool, body, "tool", required: false)).Exists
            || (fault = CheckTimestamp(ref parsed, body, scratch)).Exists
            || (fault = CheckEventId(ref parsed, body, scratch)).Exists
            || (fault = CheckObject(parsed.DataObject, "data", required: true)).Exists
            || (fault = CheckObject(parsed.Metadata, "metadata", required: false)).Exists)
            return fault;
        return FieldRule.Check(parsed.Type, parsed.Data, body);
    }

    static EventFault CheckKey(Token token, ReadOnlySpan<byte> body, string field, bool required) => token.Kind switch
    {
        JsonTokenType.String => JsonStrings.CheckKey(token, body, field),
        JsonTokenType.None or JsonTokenType.Null => required ? new EventFault(FaultReason.MissingField, field) : EventFault.None,
        _ => new EventFault(FaultReason.WrongType, field),
    };

    static EventFault CheckObject(Token token, string field, bool required) => token.Kind switch
    {
        JsonTokenType.StartObject => EventFault.None,
        JsonTokenType.None or JsonTokenType.Null => required ? new EventFault(FaultReason.MissingField, field) : EventFault.None,
        _ => new EventFault(FaultReason.WrongType, field),
    };

    static EventFault CheckTimestamp(ref ParsedEvent parsed, ReadOnlySpan<byte> body, Span<byte> scratch)
    {
        var token = parsed.TimestampToken;
        if (token.Kind is JsonTokenType.None or JsonTokenType.Null)
            return new EventFault(FaultReason.MissingField, "timestamp");
        if (token.Kind != JsonTokenType.String)
            return new EventFault(FaultReason.WrongType, "timestamp");
        return JsonStrings.TryDecodeKey(token, body, scratch, out var text) && Rfc3339.TryParse(text, out parsed.TimestampUs)
            ? EventFault.None : new EventFault(FaultReason.InvalidTimestamp);
    }

    static EventFault CheckEventId(ref ParsedEvent parsed, ReadOnlySpan<byte> body, Span<byte> scratch)
    {
        var token = parsed.EventIdToken;
        if (token.Kind is JsonTokenType.None or JsonTokenType.Null)
            return EventFault.None;
        if (token.Kind != JsonTokenType.String)
            return new EventFault(FaultReason.WrongType, "event_id");
        var valid = JsonStrings.TryDecodeKey(token, body, scratch, out var text) && text.Length == 36
            && System.Buffers.Text.Utf8Parser.TryParse(text, out parsed.EventId, out var used, 'D') && used == 36 && parsed.EventId != Guid.Empty;
        return valid ? EventFault.None : new EventFault(FaultReason.InvalidEventId);
    }
}
