using Pipeline.Sinks.Metrics;

namespace Pipeline.Sinks.Postgres;

/// <summary>Folds rows of slots, ordered by user, into time by part and bucket.</summary>
sealed class UserTime(MetricsQuery query)
{
    readonly long[] _edges = [.. query.Edges.Select(SlotUnion.SlotOf)];
    readonly Dictionary<(string Part, int Bucket), TimeSums> _time = [];
    readonly SlotUnion _active = new(), _present = new();
    string? _user;

    /// <param name="isWork">Whether the slots are of work, and not of other events.</param>
    public void Add(string user, DateTime bucket, bool isWork, ReadOnlySpan<byte> slots)
    {
        Begin(user);
        _present.Unite(bucket, slots);
        if (isWork)
            _active.Unite(bucket, slots);
    }

    /// <summary>A day that was added up.</summary>
    public void AddDay(string user, DateTime day, ReadOnlySpan<byte> work, ReadOnlySpan<byte> other)
    {
        Begin(user);
        _present.UniteDay(day, work);
        _present.UniteDay(day, other);
        _active.UniteDay(day, work);
    }

    void Begin(string user)
    {
        if (user != _user)
            EndUser();
        _user = user;
    }

    public Dictionary<(string Part, int Bucket), TimeSums> End()
    {
        EndUser();
        return _time;
    }

    void EndUser()
    {
        if (_user is null)
            return;
        var buckets = _edges.Length - 1;
        long[] active = new long[buckets], session = new long[buckets], sessions = new long[buckets];
        ActiveTime.Count(_active.Slots, query.GapSeconds, _edges, active, []);
        ActiveTime.Count(_present.Slots, MetricsQuery.SessionGapSeconds, _edges, session, sessions);
        for (var i = 0; i < buckets; i++)
            Add(i, new TimeSums(active[i], session[i], sessions[i], active[i] > 0 ? 1 : 0));
        Add(MetricsAnswer.WholeWindow, new TimeSums(active.Sum(), session.Sum(), sessions.Sum(), active.Any(a => a > 0) ? 1 : 0));
        _active.Clear();
        _present.Clear();
        _user = null;
    }

    void Add(int bucket, TimeSums time)
    {
        var key = (query.Split == MetricsSplit.User ? _user! : "", bucket);
        if (time != default)
            _time[key] = _time.GetValueOrDefault(key) + time;
    }
}
