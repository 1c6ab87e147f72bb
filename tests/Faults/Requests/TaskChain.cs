namespace Pipeline.Faults.Requests;

/// <summary>Which states may follow each other in a task's row, by docs/algorithms.md and DESIGN 4.3, written down a second time.</summary>
static class TaskChain
{
    public const short Submitted = 1, Queued = 2, Scheduled = 3, Running = 4, Failed = 5, Retrying = 6, Completed = 7, Abandoned = 8, Cancelled = 9;

    /// <summary>A request that is read again is queued again, one whose message is delivered again is scheduled again, and an end may come from anywhere.</summary>
    static readonly Dictionary<short, short[]> Next = new()
    {
        [Submitted] = [Queued],
        [Queued] = [Queued, Scheduled, Running],
        [Scheduled] = [Running, Queued],
        [Running] = [Failed, Queued, Scheduled],
        [Failed] = [Retrying, Queued],
        [Retrying] = [Scheduled, Running, Queued],
    };

    public static bool IsFinal(short state) => state >= Completed;

    /// <returns>Null, or what is wrong with it.</returns>
    public static string? Breach(TaskRow row)
    {
        if (row.States is not [Submitted, ..])
            return "does not begin with submitted";
        if (row.States[^1] != row.State)
            return "is in another state than it came into last";
        if (row.States.Length != row.Entered.Length || row.Entered.Zip(row.Entered.Skip(1)).Any(t => t.Second < t.First))
            return "has times that do not grow";
        for (var i = 1; i < row.States.Length; i++)
            if (IsFinal(row.States[i - 1]))
                return "went on after its end";
            else if (!IsFinal(row.States[i]) && !Next[row.States[i - 1]].Contains(row.States[i]))
                return $"went from {row.States[i - 1]} to {row.States[i]}";
        return null;
    }
}
