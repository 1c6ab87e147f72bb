namespace Pipeline.Sinks.Postgres;

/// <summary>One partition of one incarnation of a topic. Offsets mean something only within it: a topic made anew has another id.</summary>
public sealed record LogPlace(string Consumer, string Topic, string TopicId, int Partition)
{
    public override string ToString() => $"{Topic}[{Partition}]";
}

/// <summary>The offsets that the log holds now: from <paramref name="Start"/> up to, not including, <paramref name="End"/>.</summary>
public readonly record struct LogExtent(long Start, long End);

/// <summary>What an owner holds of a log: only writes under this epoch, from this offset, are accepted.</summary>
public sealed record Fence(LogPlace Log, int LogId, long Epoch, string Revision)
{
    /// <summary>Moved by the owner alone, after each commit.</summary>
    public long NextOffset { get; set; }

    /// <summary>How many owners in a row vanished without progress, when the log was acquired.</summary>
    public int Tries { get; init; }

    /// <summary>The record that the last of them was reading alone, if it was.</summary>
    public long? Trying { get; init; }
}
