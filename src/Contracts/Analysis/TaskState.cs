namespace Pipeline.Contracts.Analysis;

/// <summary>Where an analysis is in its life. The numbers are stored in PostgreSQL and never change.</summary>
public enum TaskState : byte
{
    None = 0,

    /// <summary>Accepted; nobody has read it from the topic yet.</summary>
    Submitted = 1,

    /// <summary>Read from the topic; waits for its turn.</summary>
    Queued = 2,

    /// <summary>A worker is reserved for it.</summary>
    Scheduled = 3,
    Running = 4,

    /// <summary>This attempt failed. A step, never an end.</summary>
    Failed = 5,

    /// <summary>Waits for its next attempt.</summary>
    Retrying = 6,
    Completed = 7,

    /// <summary>It can never succeed, or every attempt failed.</summary>
    Abandoned = 8,
    Cancelled = 9,
}

public static class TaskStates
{
    static readonly Dictionary<string, TaskState> ByName = Enum.GetValues<TaskState>().Where(s => s != TaskState.None).ToDictionary(s => s.Name(), StringComparer.Ordinal);

    public static string Name(this TaskState state) => state switch
    {
        TaskState.Submitted => "submitted",
        TaskState.Queued => "queued",
        TaskState.Scheduled => "scheduled",
        TaskState.Running => "running",
        TaskState.Failed => "failed",
        TaskState.Retrying => "retrying",
        TaskState.Completed => "completed",
        TaskState.Abandoned => "abandoned",
        TaskState.Cancelled => "cancelled",
        _ => throw new ArgumentOutOfRangeException(nameof(state), state, "not a state of a task"),
    };

    /// <summary>None for a name that this version does not know.</summary>
    public static TaskState Parse(string name) => ByName.GetValueOrDefault(name);

    /// <summary>Whether nothing can follow.</summary>
    public static bool IsFinal(this TaskState state) => state is TaskState.Completed or TaskState.Abandoned or TaskState.Cancelled;

    /// <summary>
    /// Whether a task in one state may come into the other. A request is read again after a crash, so that every state that is not final may go back to
    /// queued, and an answer may come from any of them. What runs is scheduled again where its message is delivered again, or where another process takes over.
    /// </summary>
    public static bool MayBecome(this TaskState from, TaskState to) => !from.IsFinal() && to switch
    {
        TaskState.Submitted => from == TaskState.None,
        TaskState.Queued => true,
        TaskState.Scheduled => from is TaskState.Queued or TaskState.Retrying or TaskState.Running,
        TaskState.Running => from is TaskState.Scheduled or TaskState.Queued or TaskState.Retrying,
        TaskState.Failed => from == TaskState.Running,
        TaskState.Retrying => from == TaskState.Failed,
        TaskState.Completed or TaskState.Abandoned or TaskState.Cancelled => from != TaskState.None,
        _ => false,
    };
}
