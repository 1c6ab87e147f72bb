namespace Pipeline.Contracts.Events;

/// <summary>The seven kinds of efficiency event. The numbers are stored in PostgreSQL and never change.</summary>
public enum EventType : byte
{
    None = 0,
    Annotation = 1,
    TaskStatus = 2,
    ToolEfficiency = 3,
    UserInteraction = 4,
    Performance = 5,
    Error = 6,
    BackendComputation = 7,
}

public static class EventTypes
{
    public static EventType Parse(ReadOnlySpan<byte> name) => name.Length switch
    {
        10 when name.SequenceEqual("annotation"u8) => EventType.Annotation,
        11 when name.SequenceEqual("task_status"u8) => EventType.TaskStatus,
        15 when name.SequenceEqual("tool_efficiency"u8) => EventType.ToolEfficiency,
        16 when name.SequenceEqual("user_interaction"u8) => EventType.UserInteraction,
        11 when name.SequenceEqual("performance"u8) => EventType.Performance,
        5 when name.SequenceEqual("error"u8) => EventType.Error,
        19 when name.SequenceEqual("backend_computation"u8) => EventType.BackendComputation,
        _ => EventType.None,
    };

    public static string Name(this EventType type) => type switch
    {
        EventType.Annotation => "annotation",
        EventType.TaskStatus => "task_status",
        EventType.ToolEfficiency => "tool_efficiency",
        EventType.UserInteraction => "user_interaction",
        EventType.Performance => "performance",
        EventType.Error => "error",
        EventType.BackendComputation => "backend_computation",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not an event type"),
    };
}
