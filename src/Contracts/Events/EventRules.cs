using System.Text;
using System.Text.Json;

namespace Pipeline.Contracts.Events;

enum FieldKind : byte
{
    /// <summary>A string of 1 to 128 characters that becomes part of a key or a label.</summary>
    Key,
    /// <summary>A string of any length.</summary>
    Text,
    Number,
    /// <summary>A number that must not be negative.</summary>
    Positive,
    Boolean,
}

/// <summary>What <c>data</c> must hold, by event type: the table of the contract, row by row.</summary>
sealed record FieldRule(DataField Field, FieldKind Kind, bool Required, byte[][]? Values = null)
{
    static readonly byte[][] AnnotationTypes = Set("start", "create", "update", "modify", "complete", "delete", "save");
    static readonly byte[][] TaskTypes = Set("start", "pause", "resume", "complete", "submit", "modify", "skip", "mark_valid", "mark_invalid");
    static readonly byte[][] Sources = Set("manual", "model", "imported");

    static readonly FieldRule[][] ByType =
    [
        [],
        [
            Must(DataField.Type, FieldKind.Key, AnnotationTypes), Must(DataField.AnnotationType, FieldKind.Key),
            Must(DataField.Duration, FieldKind.Positive), Must(DataField.Success, FieldKind.Boolean),
            May(DataField.ObjectId, FieldKind.Key), May(DataField.Source, FieldKind.Key, Sources), May(DataField.Error, FieldKind.Text),
        ],
        [
            Must(DataField.Type, FieldKind.Key, TaskTypes), Must(DataField.TaskId, FieldKind.Key), May(DataField.Duration, FieldKind.Number),
            May(DataField.Success, FieldKind.Boolean), May(DataField.AnnotationCount, FieldKind.Number), May(DataField.Error, FieldKind.Text),
        ],
        [
            Must(DataField.Tool, FieldKind.Key), Must(DataField.Action, FieldKind.Key), Must(DataField.Duration, FieldKind.Number),
            Must(DataField.Success, FieldKind.Boolean),
        ],
        [
            Must(DataField.Action, FieldKind.Key), May(DataField.Element, FieldKind.Text), May(DataField.Duration, FieldKind.Number),
            May(DataField.Count, FieldKind.Number),
        ],
        [
            May(DataField.Fps, FieldKind.Number), May(DataField.MemoryUsage, FieldKind.Number), May(DataField.CpuUsage, FieldKind.Number),
            May(DataField.RenderTime, FieldKind.Number), May(DataField.NetworkLatency, FieldKind.Number), May(DataField.LoadTime, FieldKind.Number),
        ],
        [
            Must(DataField.Type, FieldKind.Key), Must(DataField.Message, FieldKind.Text), May(DataField.Severity, FieldKind.Key),
            May(DataField.Fingerprint, FieldKind.Key),
        ],
        [],
    ];

    public static EventFault Check(EventType type, in DataTokens data, ReadOnlySpan<byte> body)
    {
        foreach (var rule in ByType[(int)type])
        {
            var fault = rule.Check(data[(int)rule.Field], body);
            if (fault.Exists)
                return fault;
        }
        return EventFault.None;
    }

    EventFault Check(Token token, ReadOnlySpan<byte> body)
    {
        if (token.Kind is JsonTokenType.None or JsonTokenType.Null)
            return Required ? new EventFault(FaultReason.MissingField, Field.Path()) : EventFault.None;
        switch (Kind)
        {
            case FieldKind.Boolean:
                return token.Kind is JsonTokenType.True or JsonTokenType.False ? EventFault.None : WrongType;
            case FieldKind.Number or FieldKind.Positive:
                if (token.Kind != JsonTokenType.Number)
                    return WrongType;
                return Kind == FieldKind.Positive && body[token.Start] == '-' && JsonNumbers.ToDouble(token.Raw(body)) < 0
                    ? new EventFault(FaultReason.InvalidValue, Field.Path()) : EventFault.None;
            default:
                if (token.Kind != JsonTokenType.String)
                    return WrongType;
                return Kind == FieldKind.Text ? EventFault.None : CheckKey(token, body);
        }
    }

    EventFault CheckKey(Token token, ReadOnlySpan<byte> body)
    {
        if (Values is null)
            return JsonStrings.CheckKey(token, body, Field.Path());
        Span<byte> scratch = stackalloc byte[JsonStrings.DecodedKeyBytesMax];
        if (!JsonStrings.TryDecodeKey(token, body, scratch, out var text))
            return new EventFault(FaultReason.InvalidValue, Field.Path());
        foreach (var value in Values)
            if (text.SequenceEqual(value))
                return EventFault.None;
        return new EventFault(FaultReason.InvalidValue, Field.Path());
    }

    EventFault WrongType => new(FaultReason.WrongType, Field.Path());

    static FieldRule Must(DataField field, FieldKind kind, byte[][]? values = null) => new(field, kind, Required: true, values);

    static FieldRule May(DataField field, FieldKind kind, byte[][]? values = null) => new(field, kind, Required: false, values);

    static byte[][] Set(params string[] values) => [.. values.Select(Encoding.UTF8.GetBytes)];
}
