namespace Pipeline.Sinks.Metrics;

/// <summary>
/// Turns occupied 10-second slots into time: a slot counts when it is occupied, or lies between two neighbouring occupied ones that are close enough.
/// The stretches that remain are runs.
/// </summary>
public static class ActiveTime
{
    public const int SlotSeconds = 10;

    /// <param name="slots">Occupied slots, ascending, none twice. Those outside the window bound gaps, nothing more.</param>
    /// <param name="gapSeconds">Two neighbours whose starts are at most this far apart belong to one run.</param>
    /// <param name="edges">Ascending slots at which buckets begin; the last one ends the last bucket. What lies outside is not counted.</param>
    /// <param name="counted">Slots by bucket; added to.</param>
    /// <param name="runs">Runs by the bucket in which they start; added to. May be empty.</param>
    public static void Count(IReadOnlyList<long> slots, int gapSeconds, ReadOnlySpan<long> edges, Span<long> counted, Span<long> runs)
    {
        foreach (var (first, last) in Runs(slots, gapSeconds))
        {
            Add(first, last, edges, counted);
            if (!runs.IsEmpty && BucketOf(first, edges) is >= 0 and var bucket)
                runs[bucket]++;
        }
    }

    /// <summary>The stretches of slots that count, first and last one of each.</summary>
    public static IEnumerable<(long First, long Last)> Runs(IReadOnlyList<long> slots, int gapSeconds)
    {
        var start = 0;
        for (var i = 1; i <= slots.Count; i++)
            if (i == slots.Count || slots[i] - slots[i - 1] > gapSeconds / SlotSeconds)
            {
                yield return (slots[start], slots[i - 1]);
                start = i;
            }
    }

    /// <summary>Spreads the slots from first to last over their buckets.</summary>
    static void Add(long first, long last, ReadOnlySpan<long> edges, Span<long> counted)
    {
        first = Math.Max(first, edges[0]);
        last = Math.Min(last, edges[^1] - 1);
        while (first <= last)
        {
            var bucket = BucketOf(first, edges);
            var end = Math.Min(last, edges[bucket + 1] - 1);
            counted[bucket] += end - first + 1;
            first = end + 1;
        }
    }

    /// <returns>−1 outside.</returns>
    static int BucketOf(long slot, ReadOnlySpan<long> edges)
    {
        if (slot < edges[0] || slot >= edges[^1])
            return -1;
        var found = edges.BinarySearch(slot);
        return found >= 0 ? found : ~found - 1;
    }
}
