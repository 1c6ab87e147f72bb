using Pipeline.Contracts.Events;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>
/// Folds events into the rows of table <c>activity</c>: sums, counts, least and greatest only, so that the order of events and the way
/// they were cut into batches never matters.
/// </summary>
sealed class ActivityBuckets
{
    public const long BucketUs = 15 * 60 * Rfc3339.MicrosecondsPerSecond;
    const double DurationMsMax = 30 * 60 * 1000;

    internal readonly record struct Key(string Tenant, string UserId, string ProjectId, long BucketUs, EventType Type, string Tool, string AnnotationType);

    internal sealed class Sums
    {
        public long Events, Succeeded, Durations, DurationUs, DurationOutliers, FirstUs = long.MaxValue, LastUs = long.MinValue;
    }

    readonly Dictionary<Key, Sums> _buckets = [];

    public int Count => _buckets.Count;

    public void Add(EventRow row)
    {
        var key = new Key(row.Tenant, row.UserId, row.ProjectId, FloorTo(row.OccurredAtUs, BucketUs), row.Type, row.Tool ?? "", row.AnnotationType ?? "");
        if (!_buckets.TryGetValue(key, out var sums))
            _buckets.Add(key, sums = new Sums());
        sums.Events++;
        sums.Succeeded += row.Success ? 1 : 0;
        sums.FirstUs = Math.Min(sums.FirstUs, row.OccurredAtUs);
        sums.LastUs = Math.Max(sums.LastUs, row.OccurredAtUs);
        if (double.IsNaN(row.DurationMs))
            return;
        if (row.DurationMs is < 0 or > DurationMsMax)
        {
            sums.DurationOutliers++;
            return;
        }
        sums.Durations++;
        sums.DurationUs += (long)Math.Floor(row.DurationMs * 1000 + 0.5);
    }

    /// <summary>In the order of the table's key, which every writer keeps.</summary>
    public List<KeyValuePair<Key, Sums>> InKeyOrder()
    {
        var list = _buckets.ToList();
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

    static long FloorTo(long value, long step) => value - (((value % step) + step) % step);
}
