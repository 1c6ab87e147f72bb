namespace Pipeline.Sinks.Postgres;

/// <summary>One partition of one incarnation of a topic. Offsets mean something only within it: a topic made anew has another id.</summary>
public sealed record LogPlace(string Consumer, string Topic, string TopicId, int Partition)
{
    /// <summary>
    /// The id of the stored log whose place this one may take: one that was known to be stored before the cluster was asked, and said that the
    /// topic is this one. Null where nobody asked. An owner that was slow may still hold the topic's old id; without this it would close the new log.
    /// </summary>
    public string? Replaces { get; init; }

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
