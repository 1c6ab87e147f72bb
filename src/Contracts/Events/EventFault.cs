namespace Pipeline.Contracts.Events;

/// <summary>Why a record is not processed. A closed list: the codes are label values, dead-letter reasons and API verdicts.</summary>
public enum FaultReason : byte
{
    None = 0,
    MalformedJson,
    InvalidUtf8,
    InvalidString,
    NotAnObject,
    TooDeep,
    TooLarge,
    DuplicateField,
    MissingField,
    WrongType,
    InvalidValue,
    InvalidLength,
    ControlCharacter,
    NumberOutOfRange,
    InvalidEventId,
    InvalidTimestamp,
    TimestampOutOfRange,
    InvalidHeader,
    ConflictingDuplicate,
    StoreRefused,
    InfluxRefused,
    KilledProcessor,
    ProcessorFailed,
    RetriesExhausted,
    UnreadableMessage,
    AnalysisRefused,
}

/// <summary>One fault: its reason and, where there is one, the field it is about (a name of the contract, never text of the sender).</summary>
public readonly record struct EventFault(FaultReason Reason, string? Field = null)
{
    public static readonly EventFault None;

    public bool Exists => Reason != FaultReason.None;

    public string Code => Reason switch
    {
        FaultReason.MalformedJson => "malformed_json",
        FaultReason.InvalidUtf8 => "invalid_utf8",
        FaultReason.InvalidString => "invalid_string",
        FaultReason.NotAnObject => "not_an_object",
        FaultReason.TooDeep => "too_deep",
        FaultReason.TooLarge => "too_large",
        FaultReason.DuplicateField => "duplicate_field",
        FaultReason.MissingField => "missing_field",
        FaultReason.WrongType => "wrong_type",
        FaultReason.InvalidValue => "invalid_value",
        FaultReason.InvalidLength => "invalid_length",
        FaultReason.ControlCharacter => "control_character",
        FaultReason.NumberOutOfRange => "number_out_of_range",
        FaultReason.InvalidEventId => "invalid_event_id",
        FaultReason.InvalidTimestamp => "invalid_timestamp",
        FaultReason.TimestampOutOfRange => "timestamp_out_of_range",
        FaultReason.InvalidHeader => "invalid_header",
        FaultReason.ConflictingDuplicate => "conflicting_duplicate",
        FaultReason.StoreRefused => "store_refused",
        FaultReason.InfluxRefused => "influx_refused",
        FaultReason.KilledProcessor => "killed_processor",
        FaultReason.ProcessorFailed => "processor_failed",
        FaultReason.RetriesExhausted => "retries_exhausted",
        FaultReason.UnreadableMessage => "unreadable_message",
        FaultReason.AnalysisRefused => "analysis_refused",
        _ => "none",
    };

    static readonly Dictionary<string, FaultReason> ReasonsByCode =
        Enum.GetValues<FaultReason>().ToDictionary(r => new EventFault(r).Code, StringComparer.Ordinal);

    /// <summary>The reason of a code that came over the wire; none for a code that this version does not know.</summary>
    public static FaultReason ReasonOf(string code) => ReasonsByCode.GetValueOrDefault(code);

    /// <summary>A sentence for people. It never quotes the sender's bytes.</summary>
    public string Detail => Reason switch
    {
        FaultReason.MalformedJson => "The event is not valid JSON (RFC 8259).",
        FaultReason.InvalidUtf8 => "The event's bytes are not valid UTF-8.",
        FaultReason.InvalidString => "A string holds \\u0000 or half of a surrogate pair.",
        FaultReason.NotAnObject => $"{Field ?? "The event"} must be a JSON object.",
        FaultReason.TooDeep => $"The event is nested deeper than {EventLimits.DepthMax} levels.",
        FaultReason.TooLarge => $"The event is larger than {EventLimits.EventBytesMax} bytes.",
        FaultReason.DuplicateField => $"{Field} occurs twice.",
        FaultReason.MissingField => $"{Field} is required.",
        FaultReason.WrongType => $"{Field} has the wrong JSON type.",
        FaultReason.InvalidValue => $"{Field} is not one of the values that the contract allows.",
        FaultReason.InvalidLength => $"{Field} must have 1 to {EventLimits.KeyCharactersMax} characters.",
        FaultReason.ControlCharacter => $"{Field} must not hold control characters.",
        FaultReason.NumberOutOfRange => "A number is outside the range of a 64-bit float.",
        FaultReason.InvalidEventId => "event_id must be a UUID of 36 characters and not all zero.",
        FaultReason.InvalidTimestamp => "timestamp must be RFC 3339 with an offset, like 2024-01-01T00:00:00Z.",
        FaultReason.TimestampOutOfRange => "timestamp is before the year 2000 or more than 24 hours after the receipt.",
        FaultReason.InvalidHeader => "The ingest header cannot be read.",
        FaultReason.ConflictingDuplicate => "Another event with this event_id and other content was stored first.",
        FaultReason.StoreRefused => "The store refused this event as data.",
        FaultReason.InfluxRefused => "InfluxDB refused this event's point as data.",
        FaultReason.KilledProcessor => "Each process that tried this record ended without an answer.",
        FaultReason.ProcessorFailed => "The processor failed on this record in a way that trying again does not mend.",
        FaultReason.RetriesExhausted => "Every attempt failed for a passing cause.",
        FaultReason.UnreadableMessage => "The message in the queue is none of ours.",
        FaultReason.AnalysisRefused => "The analysis cannot be executed as it was asked for.",
        _ => "",
    };
}

public static class EventLimits
{
    /// <summary>Code points of an id, a tool, or another string that becomes part of a key.</summary>
    public const int KeyCharactersMax = 128;

    /// <summary>Nesting levels within one event, its own object included.</summary>
    public const int DepthMax = 64;

    /// <summary>Bytes of one event. Half of Kafka's default record limit leaves room for key and header.</summary>
    public const int EventBytesMax = 512 * 1024;

    public const int BatchEventsMax = 1000;
}
