using System.Collections;
using Pipeline.Sinks.Metrics;

namespace Pipeline.Sinks.Postgres;

/// <summary>
/// Folds rows of slots, ordered by user, into sessions by the bucket in which they start, and how many of them have a performance event. A user whose session may run on
/// beyond what was read is not counted but <see cref="Open"/>, and is to be read again with more.
/// </summary>
/// <param name="edges">Of the buckets.</param>
sealed class SessionCoverage(IReadOnlyList<DateTime> edges)
{
    const long Gap = MetricsQuery.SessionGapSeconds / ActiveTime.SlotSeconds;

    /// <param name="Bucket">Where it starts, −1 outside the window.</param>
    /// <param name="IsCovered">Whether it has a performance event.</param>
    readonly record struct Session(int Bucket, long Last, bool IsCovered);

    readonly long[] _edges = [.. edges.Select(SlotUnion.SlotOf)];
    readonly SlotUnion _present = new(), _performance = new();
    string? _user;

    public long[] Sessions { get; } = new long[edges.Count - 1];

    public long[] Covered { get; } = new long[edges.Count - 1];

    public List<string> Open { get; } = [];

    /// <param name="end">Buckets are read up to here.</param>
    public void Add(string user, DateTime bucket, bool isPerformance, BitArray slots, DateTime end)
    {
        if (user != _user)
            EndUser(end);
        _user = user;
        _present.Unite(bucket, slots);
        if (isPerformance)
            _performance.Unite(bucket, slots);
    }

    /// <summary>Counts the last user.</summary>
    public void EndUser(DateTime end)
    {
        if (_user is null)
            return;
        var sessions = Fold();
        // Buckets that were not read may hold slots from half an hour before they begin.
        var known = SlotUnion.SlotOf(end) - SlotBits.SlotsBefore;
        if (sessions.Exists(s => s is { Bucket: >= 0, IsCovered: false } && known - s.Last <= Gap))
            Open.Add(_user);
        else
            foreach (var session in sessions.Where(s => s.Bucket >= 0))
            {
                Sessions[session.Bucket]++;
                Covered[session.Bucket] += session.IsCovered ? 1 : 0;
            }
        _present.Clear();
        _performance.Clear();
        _user = null;
    }

    List<Session> Fold()
    {
        var sessions = new List<Session>();
        var next = 0;
        foreach (var slot in _present.Slots)
        {
            if (sessions.Count == 0 || slot - sessions[^1].Last > Gap)
                sessions.Add(new Session(BucketOf(slot), slot, false));
            while (next < _performance.Slots.Count && _performance.Slots[next] < slot)
                next++;
            sessions[^1] = sessions[^1] with { Last = slot, IsCovered = sessions[^1].IsCovered || (next < _performance.Slots.Count && _performance.Slots[next] == slot) };
        }
        return sessions;
    }

    int BucketOf(long slot)
    {
        if (slot < _edges[0] || slot >= _edges[^1])
            return -1;
        var found = Array.BinarySearch(_edges, slot);
        return found >= 0 ? found : ~found - 1;
    }
}
