using Pipeline.Contracts.Events;
using Pipeline.Sinks.Metrics;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>
/// Folds events into the rows of table <c>activity</c>: sums, counts, histograms, least and greatest only, so that the order of events and the way
/// they were cut into batches never matters.
/// </summary>
sealed class ActivityBuckets
{
    public const long BucketUs = 15 * 60 * Rfc3339.MicrosecondsPerSecond;
    public const double DurationMsMax = 30 * 60 * 1000;
    const double FpsMax = 1e6;

    internal readonly record struct Key(string Tenant, string UserId, string ProjectId, long BucketUs, EventType Type, string Tool, string AnnotationType)
    {
        /// <summary>User, time and type spread well; four texts hashed for each event cost more than the sums.</summary>
        public override int GetHashCode() => HashCode.Combine(UserId, BucketUs, Type);
    }

    internal sealed class Sums
    {
        public long Events, Succeeded, Durations, DurationUs, DurationOutliers, FirstUs = long.MaxValue, LastUs = long.MinValue;
        public long Saves, SavesSucceeded, Undos, TimedCompletions, CompletionUs;

        /// <summary>What objects and tasks count for here. Another log may have counted what this one takes away, so that one log's figure can be negative.</summary>
        public long Completed, Net, Sourced, FromModel, FromModelChanged, ObjectsSaved, ObjectsReworked, TasksSubmitted, TasksFirstPass, Items;

        /// <summary>Occupied 10-second slots.</summary>
        public SlotBits Slots;

        public Bins CompletionTimes, LoadTimes, FrameSwitchTimes, SaveTimes, Fps;

        /// <summary>Whether events came, or anything is left of what objects and tasks added and took away.</summary>
        public bool Exists => Events != 0 || (Completed | Net | Sourced | FromModel | FromModelChanged | ObjectsSaved | ObjectsReworked | TasksSubmitted | TasksFirstPass | Items) != 0;
    }

    readonly Dictionary<Key, Sums> _buckets = [];

    public int Count => _buckets.Count;

    public IEnumerable<Key> Keys => _buckets.Keys;

    /// <summary>Whole µs, rounded half up; false for a duration that is none or out of range.</summary>
    public static bool TryDuration(double ms, out long us)
    {
        us = ms is >= 0 and <= DurationMsMax ? (long)Math.Floor((ms * 1000) + 0.5) : 0;
        return ms is >= 0 and <= DurationMsMax;
    }

    public void Add(EventRow row)
    {
        var sums = Of(KeyOf(row));
        sums.Events++;
        sums.Succeeded += row.Success ? 1 : 0;
        sums.FirstUs = Math.Min(sums.FirstUs, row.OccurredAtUs);
        sums.LastUs = Math.Max(sums.LastUs, row.OccurredAtUs);
        if (row.Action == EventAction.Save)
        {
            sums.Saves++;
            sums.SavesSucceeded += row.Success ? 1 : 0;
        }
        sums.Undos += row.Action == EventAction.Undo ? 1 : 0;
        if (row.Fps is >= 0 and <= FpsMax)
            sums.Fps.Add((long)Math.Floor((row.Fps * 1_000_000) + 0.5));
        CreditWithoutObject(sums, row, 1);
        AddDuration(sums, row);
        AddSlots(sums, row);
    }

    /// <summary>From begin to end; the end's slot alone without a duration in range.</summary>
    static void AddSlots(Sums sums, EventRow row)
    {
        var us = TryDuration(row.DurationMs, out var duration) ? duration : 0;
        var first = SlotBits.FirstSlot(FloorTo(row.OccurredAtUs, BucketUs));
        sums.Slots.Set((int)(SlotBits.SlotOf(row.OccurredAtUs - us) - first), (int)(SlotBits.SlotOf(row.OccurredAtUs) - first));
    }

    /// <summary>Completions and deletions that name no object count each.</summary>
    static void CreditWithoutObject(Sums sums, EventRow row, int sign)
    {
        if (row.Type != EventType.Annotation || row.ObjectId is not null || !row.Success)
            return;
        sums.Completed += row.Action is EventAction.Create or EventAction.Complete ? sign : 0;
        sums.Net += row.Action == EventAction.Create ? sign : row.Action == EventAction.Delete ? -sign : 0;
    }

    /// <summary>Takes away what an event counts for as a completion or deletion of its own.</summary>
    public void UncreditWithoutObject(EventRow row) => CreditWithoutObject(Of(KeyOf(row)), row, -1);

    public void Remove(Func<Key, bool> which)
    {
        foreach (var key in _buckets.Keys.Where(which).ToList())
            _buckets.Remove(key);
    }

    static void AddDuration(Sums sums, EventRow row)
    {
        if (double.IsNaN(row.DurationMs))
            return;
        if (!TryDuration(row.DurationMs, out var us))
        {
            sums.DurationOutliers++;
            return;
        }
        sums.Durations++;
        sums.DurationUs += us;
        switch (row.Type, row.Action)
        {
            case (EventType.Annotation, EventAction.Create or EventAction.Complete) when row.Success && us > 0:
                sums.TimedCompletions++;
                sums.CompletionUs += us;
                sums.CompletionTimes.Add(us);
                break;
            case (EventType.ToolEfficiency, EventAction.Load):
                sums.LoadTimes.Add(us);
                break;
            case (EventType.ToolEfficiency, EventAction.FrameSwitch):
                sums.FrameSwitchTimes.Add(us);
                break;
            case (EventType.ToolEfficiency, EventAction.Save):
                sums.SaveTimes.Add(us);
                break;
        }
    }

    /// <summary>The bucket in which an object or a task is counted at this event.</summary>
    public Sums Of(SubjectKey subject, FirstEvent at, EventType type)
    {
        var sums = Of(new Key(subject.Tenant, at.UserId, subject.ProjectId, FloorTo(at.OccurredAtUs, BucketUs), type, at.Tool, at.AnnotationType));
        // The event itself is a row of the same user, project and bucket, so that these change nothing where rows are added up.
        sums.FirstUs = Math.Min(sums.FirstUs, at.OccurredAtUs);
        sums.LastUs = Math.Max(sums.LastUs, at.OccurredAtUs);
        return sums;
    }

    /// <summary>The bucket of a time.</summary>
    public static long BucketOf(long us) => FloorTo(us, BucketUs);

    static Key KeyOf(EventRow row) => new(row.Tenant, row.UserId, row.ProjectId, FloorTo(row.OccurredAtUs, BucketUs), row.Type, row.Tool ?? "", row.AnnotationType ?? "");

    public Sums Of(Key key)
    {
        if (!_buckets.TryGetValue(key, out var sums))
            _buckets.Add(key, sums = new Sums());
        return sums;
    }

    /// <summary>Those in which something counts, in the order of the table's index, so that neighbours are written together.</summary>
    public List<KeyValuePair<Key, Sums>> InKeyOrder()
    {
        var list = _buckets.Where(b => b.Value.Exists).ToList();
        list.Sort((a, b) => Compare(a.Key, b.Key));
        return list;
    }

    static int Compare(Key a, Key b)
    {
        int c;
        return (c = string.CompareOrdinal(a.Tenant, b.Tenant)) != 0 ? c
            : (c = string.CompareOrdinal(a.UserId, b.UserId)) != 0 ? c
            : (c = string.CompareOrdinal(a.ProjectId, b.ProjectId)) != 0 ? c
            : (c = a.BucketUs.CompareTo(b.BucketUs)) != 0 ? c
            : (c = a.Type.CompareTo(b.Type)) != 0 ? c
            : (c = string.CompareOrdinal(a.Tool, b.Tool)) != 0 ? c
            : string.CompareOrdinal(a.AnnotationType, b.AnnotationType);
    }

    public static long FloorTo(long value, long step) => value - (((value % step) + step) % step);
}

/// <summary>The bins of one histogram's values in a batch, as <see cref="LogLinearHistogram"/> stores them.</summary>
struct Bins
{
    List<ushort>? _bins;

    public void Add(long value) => (_bins ??= []).Add((ushort)LogLinearHistogram.BinOf(value));

    /// <returns>Null over nothing.</returns>
    public readonly byte[]? Entries()
    {
        if (_bins is null)
            return null;
        _bins.Sort();
        var entries = new List<(ushort Bin, uint Count)>();
        foreach (var bin in _bins)
            if (entries.Count > 0 && entries[^1].Bin == bin)
                entries[^1] = (bin, entries[^1].Count + 1);
            else
                entries.Add((bin, 1));
        var bytes = new byte[entries.Count * LogLinearHistogram.EntryBytes];
        for (var i = 0; i < entries.Count; i++)
        {
            System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(i * LogLinearHistogram.EntryBytes), entries[i].Bin);
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan((i * LogLinearHistogram.EntryBytes) + 2), entries[i].Count);
        }
        return bytes;
    }
}
