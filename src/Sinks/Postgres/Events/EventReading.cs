using System.Text;
using System.Text.Json;
using Pipeline.Contracts.Events;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>What of a row does not stand in the event's own bytes.</summary>
/// <param name="Tool">The tool of the batch, where the event names none.</param>
/// <param name="Header">The <c>ingest</c> header as it came.</param>
public readonly record struct EventOccasion(long Offset, Guid EventId, long OccurredAtUs, long ReceivedAtUs, long LoggedAtUs, string Tenant, string? Tool, byte[]? Header);

/// <summary>The text of UTF-8 bytes; a reader may give one string for equal ones. Ids of objects and tasks do not go through it: they would drive out those that come again.</summary>
public delegate string TextOf(ReadOnlySpan<byte> utf8);

/// <summary>Makes rows of events: on their way in, and again when aggregates are computed anew from what is stored.</summary>
public static class EventReading
{
    /// <param name="value">The event's bytes, which <paramref name="parsed"/> refers to.</param>
    public static EventRow Row(in ParsedEvent parsed, byte[] value, in EventOccasion occasion, TextOf textOf)
    {
        var digest = new byte[EventIdentity.DigestBytes];
        EventIdentity.Digest(value, digest);
        return new EventRow
        {
            Offset = occasion.Offset,
            EventId = occasion.EventId,
            Type = parsed.Type,
            OccurredAtUs = occasion.OccurredAtUs,
            ReceivedAtUs = occasion.ReceivedAtUs,
            LoggedAtUs = occasion.LoggedAtUs,
            Tenant = occasion.Tenant,
            UserId = Text(parsed.UserId, value, textOf)!,
            ProjectId = Text(parsed.ProjectId, value, textOf)!,
            Tool = Text(parsed.Tool, value, textOf) ?? occasion.Tool,
            AnnotationType = parsed.Type == EventType.Annotation ? Text(parsed[DataField.AnnotationType], value, textOf) : null,
            DurationMs = parsed.Type is EventType.Annotation or EventType.TaskStatus or EventType.ToolEfficiency or EventType.UserInteraction ? parsed.DurationMs(value) : double.NaN,
            Success = parsed[DataField.Success].Kind == JsonTokenType.True,
            Action = EventActions.Of(parsed, value),
            ObjectId = parsed.Type == EventType.Annotation ? Text(parsed[DataField.ObjectId], value, Encoding.UTF8.GetString) : null,
            Source = EventActions.SourceOf(parsed, value),
            TaskId = parsed.Type == EventType.TaskStatus ? Text(parsed[DataField.TaskId], value, Encoding.UTF8.GetString) : null,
            Fps = parsed.Type == EventType.Performance && parsed[DataField.Fps] is { Kind: JsonTokenType.Number } fps ? JsonNumbers.ToDouble(fps.Raw(value)) : double.NaN,
            Header = occasion.Header,
            Value = value,
            Digest = digest,
        };
    }

    static string? Text(Token token, ReadOnlySpan<byte> value, TextOf textOf)
    {
        if (token.Kind != JsonTokenType.String)
            return null;
        Span<byte> scratch = stackalloc byte[JsonStrings.DecodedKeyBytesMax];
        JsonStrings.TryDecodeKey(token, value, scratch, out var text);
        return textOf(text);
    }
}
