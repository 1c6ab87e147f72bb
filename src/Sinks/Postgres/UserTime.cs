using System.Collections;
using Pipeline.Sinks.Metrics;

namespace Pipeline.Sinks.Postgres;

/// <summary>Folds rows of slots, ordered by user and hour, into time by part and bucket.</summary>
sealed class UserTime(MetricsQuery query)
{
    readonly long[] _edges = [.. query.Edges.Select(e => SlotBits.SlotOf((e - DateTime.UnixEpoch).Ticks / 10))];
    readonly Dictionary<(string Part, int Bucket), TimeSums> _time = [];
    readonly List<long> _active = [], _present = [];
    readonly int[] _activeHour = new int[Words], _presentHour = new int[Words], _row = new int[Words];
    string? _user;
    long _hour;

    const int Words = (SlotBits.SlotsPerHour + 31) / 32;

    public void Add(string user, DateTime hour, BitArray active, BitArray present)
    {
        var slot = SlotBits.SlotOf((hour - DateTime.UnixEpoch).Ticks / 10);
        if (user != _user || slot != _hour)
            EndHour();
        if (user != _user)
            EndUser();
        (_user, _hour) = (user, slot);
        Unite(_activeHour, active);
        Unite(_presentHour, present);
    }

    public Dictionary<(string Part, int Bucket), TimeSums> End()
    {
        EndHour();
        EndUser();
        return _time;
    }

    void Unite(int[] hour, BitArray row)
    {
        row.CopyTo(_row, 0);
        for (var i = 0; i < Words; i++)
            hour[i] |= _row[i];
    }

    void EndHour()
    {
        Append(_activeHour, _active);
        Append(_presentHour, _present);
    }

    void Append(int[] hour, List<long> slots)
    {
        for (var i = 0; i < Words; i++)
            for (var word = (uint)hour[i]; word != 0; word &= word - 1)
                slots.Add(_hour + (i * 32) + System.Numerics.BitOperations.TrailingZeroCount(word));
        Array.Clear(hour);
    }

    void EndUser()
    {
        if (_user is null)
            return;
        var buckets = _edges.Length - 1;
        long[] active = new long[buckets], session = new long[buckets], sessions = new long[buckets];
        ActiveTime.Count(_active, query.GapSeconds, _edges, active, []);
        ActiveTime.Count(_present, MetricsQuery.SessionGapSeconds, _edges, session, sessions);
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
