using System.Text.Json;

namespace Pipeline.Contracts.Events;

/// <summary>What an annotator did, as far as a metric asks for it: <c>data.type</c> of annotation and task_status, <c>data.action</c> of tool_efficiency.</summary>
public enum EventAction : byte
{
    /// <summary>Counts as an event and enters no metric by name.</summary>
    Other,
    Create, Complete, Save, Update, Modify, Delete, Submit, Undo, Load, FrameSwitch,
}

/// <summary>Who made an object, <c>data.source</c>.</summary>
public enum ObjectSource : byte { None, Manual, Model, Imported }

public static class EventActions
{
    public static EventAction Of(in ParsedEvent parsed, ReadOnlySpan<byte> body)
    {
        var field = parsed.Type switch
        {
            EventType.Annotation or EventType.TaskStatus => DataField.Type,
            EventType.ToolEfficiency => DataField.Action,
            _ => DataField.Unknown,
        };
        Span<byte> scratch = stackalloc byte[JsonStrings.DecodedKeyBytesMax];
        return field == DataField.Unknown || !JsonStrings.TryDecodeKey(parsed[field], body, scratch, out var name) ? EventAction.Other
            : parsed.Type == EventType.ToolEfficiency ? OfTool(name) : OfWork(name);
    }

    public static ObjectSource SourceOf(in ParsedEvent parsed, ReadOnlySpan<byte> body)
    {
        var token = parsed[DataField.Source];
        Span<byte> scratch = stackalloc byte[JsonStrings.DecodedKeyBytesMax];
        return parsed.Type != EventType.Annotation || token.Kind != JsonTokenType.String || !JsonStrings.TryDecodeKey(token, body, scratch, out var name) ? ObjectSource.None
            : name.SequenceEqual("model"u8) ? ObjectSource.Model
            : name.SequenceEqual("manual"u8) ? ObjectSource.Manual
            : name.SequenceEqual("imported"u8) ? ObjectSource.Imported : ObjectSource.None;
    }

    static EventAction OfWork(ReadOnlySpan<byte> name) => name.Length switch
    {
        4 when name.SequenceEqual("save"u8) => EventAction.Save,
        6 when name.SequenceEqual("create"u8) => EventAction.Create,
        6 when name.SequenceEqual("update"u8) => EventAction.Update,
        6 when name.SequenceEqual("modify"u8) => EventAction.Modify,
        6 when name.SequenceEqual("delete"u8) => EventAction.Delete,
        6 when name.SequenceEqual("submit"u8) => EventAction.Submit,
        8 when name.SequenceEqual("complete"u8) => EventAction.Complete,
        _ => EventAction.Other,
    };

    static EventAction OfTool(ReadOnlySpan<byte> name) => name.Length switch
    {
        4 when name.SequenceEqual("undo"u8) => EventAction.Undo,
        4 when name.SequenceEqual("load"u8) => EventAction.Load,
        4 when name.SequenceEqual("save"u8) => EventAction.Save,
        12 when name.SequenceEqual("frame_switch"u8) => EventAction.FrameSwitch,
        _ => EventAction.Other,
    };
}
