using System.Collections;

namespace Pipeline.Sinks.Postgres;

/// <summary>
/// Folds rows of slots, ordered by user and hour, into sessions by the bucket in which they start, and how many of them have a performance event. A session may run on
/// beyond what was read: it waits among <see cref="Open"/> until more is read of its user.
/// </summary>
/// <param name="edges">Of the buckets.</param>
sealed class SessionCoverage(IReadOnlyList<DateTime> edges)
{
    const long Gap = MetricsQuery.SessionGapSeconds / Metrics.ActiveTime.SlotSeconds;

    /// <param name="Bucket">Where it starts, −1 outside the window.</param>
    /// <param name="IsCovered">Whether it has a performance event.</param>
    readonly record struct Session(int Bucket, long Last, bool IsCovered);

    readonly long[] _edges = [.. edges.Select(SlotUnion.SlotOf)];
    readonly Dictionary<string, Session> _open = [];
    readonly SlotUnion _present = new(), _performance = new();
    string? _user;
    long _hour;

    public long[] Sessions { get; } = new long[edges.Count - 1];

    public long[] Covered { get; } = new long[edges.Count - 1];

    /// <summary>Users whose last session may go on, and depends on it.</summary>
    public IReadOnlyCollection<string> Open => _open.Keys;

    /// <param name="end">Up to where this reading goes, exclusive.</param>
    public void Add(string user, DateTime hour, BitArray present, BitArray performance, DateTime end)
    {
        var slot = SlotUnion.SlotOf(hour);
        if (user != _user || slot != _hour)
            EndHour();
        if (user != _user)
            EndUser(SlotUnion.SlotOf(end));
        (_user, _hour) = (user, slot);
        _present.Unite(present);
        _performance.Unite(performance);
    }

    /// <summary>Nothing more comes of what was read up to here.</summary>
    public void End(DateTime end)
    {
        EndHour();
        EndUser(SlotUnion.SlotOf(end));
        foreach (var (user, session) in _open.ToList())
            if (IsOver(session, SlotUnion.SlotOf(end)))
                Close(user, session);
    }

    void EndHour()
    {
        _present.EndHour(_hour);
        _performance.EndHour(_hour);
    }

    void EndUser(long end)
    {
        if (_user is null)
            return;
        Session? known = _open.Remove(_user, out var open) ? open : null;
        var next = 0;
        foreach (var slot in _present.Slots)
        {
            if (known is not { } session || slot - session.Last > Gap)
            {
                Count(known);
                session = new Session(BucketOf(slot), slot, false);
            }
            while (next < _performance.Slots.Count && _performance.Slots[next] < slot)
                next++;
            known = session with { Last = slot, IsCovered = session.IsCovered || (next < _performance.Slots.Count && _performance.Slots[next] == slot) };
        }
        if (known is { } last && !IsOver(last, end))
            _open[_user] = last;
        else
            Count(known);
        _present.Clear();
        _performance.Clear();
        _user = null;
    }

    /// <summary>Whether more slots from here on could change what is counted of it.</summary>
    static bool IsOver(Session session, long end) => session.Bucket < 0 || session.IsCovered || end - session.Last > Gap;

    void Close(string user, Session session)
    {
        _open.Remove(user);
        Count(session);
    }

    void Count(Session? session)
    {
        if (session is not { Bucket: >= 0 } counted)
            return;
        Sessions[counted.Bucket]++;
        Covered[counted.Bucket] += counted.IsCovered ? 1 : 0;
    }

    int BucketOf(long slot)
    {
        if (slot < _edges[0] || slot >= _edges[^1])
            return -1;
        var found = Array.BinarySearch(_edges, slot);
        return found >= 0 ? found : ~found - 1;
    }
}
