using System.Text.Json;

namespace Pipeline.Contracts.Events;

/// <summary>
/// One event as places in the bytes it was read from. It is a struct that callers keep and fill again, so that reading an event
/// allocates nothing. All tokens refer to the span that the parser was given.
/// </summary>
public struct ParsedEvent
{
    /// <summary>The event's own object: first byte and length.</summary>
    public int Start;
    public int Length;

    public EventType Type;

    /// <summary>The sender's id; empty where the event has none and one is derived, see <see cref="EventIdentity"/>.</summary>
    public Guid EventId;

    /// <summary>The sender's time, unix microseconds.</summary>
    public long TimestampUs;

    public Token EventTypeToken, EventIdToken, TimestampToken, UserId, ProjectId, TaskId, SessionId, Tool, DataObject, Metadata;
    public DataTokens Data;

    public readonly Token this[DataField field] => Data[(int)field];

    /// <summary>The duration in ms, NaN where there is none.</summary>
    public readonly double DurationMs(ReadOnlySpan<byte> body)
    {
        var token = this[DataField.Duration];
        return token.Kind == JsonTokenType.Number ? JsonNumbers.ToDouble(token.Raw(body)) : double.NaN;
    }
}
