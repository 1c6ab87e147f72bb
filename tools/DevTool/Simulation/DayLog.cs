using Pipeline.Contracts.Events;

namespace Pipeline.DevTool.Simulation;

/// <summary>
/// The events of all users on one day, in the order in which they arrive. It is the only memory that grows with the run, by users and rate and not by days.
/// </summary>
sealed class DayLog(SimulationOptions options)
{
    /// <summary>Later than this after it happened, an event counts as late.</summary>
    public const long LateAfterMs = 5 * 60_000;

    /// <summary>How long a tracker collects before it sends, and how long the way is.</summary>
    const long CollectedMs = 5000, WayMs = SimulatedEvent.WayMs;

    readonly record struct Entry(int Start, int Length, EventType Type, int User, long OccurredAtMs, long ArrivedAtMs, long SkewMs, bool IsRepeat);

    readonly List<Entry> _entries = [];
    long[] _order = [];
    Annotator _user = null!;
    Chance _chance;

    public EventText Text { get; } = new();

    public void Clear()
    {
        _entries.Clear();
        Text.Cut(0);
    }

    /// <summary>What is added from now on is this user's. How it comes in does not change what happens.</summary>
    public void Begin(Annotator user, int day) => (_user, _chance) = (user, Chance.Of(options.Seed, Purpose.Delivery, user.Number, day));

    /// <summary>Takes what was written behind <paramref name="start"/> as one event.</summary>
    public void Add(int start, EventType type, long occurredAtMs)
    {
        var arrivedAt = Arrival(occurredAtMs);
        var entry = new Entry(start, Text.Length - start, type, _user.Number, occurredAtMs, arrivedAt, _user.SkewMs, IsRepeat: false);
        _entries.Add(entry);
        if (options.DuplicateShare > 0 && _chance.Is(options.DuplicateShare))
            _entries.Add(entry with { ArrivedAtMs = Math.Min(options.UntilMs, arrivedAt + 2000 + (long)_chance.Exponential(60_000)), IsRepeat = true });
    }

    long Arrival(long occurredAtMs)
    {
        if (options.LateShare > 0 && _chance.Is(options.LateShare))
        {
            var late = occurredAtMs + LateAfterMs + 1000 + (long)Math.Min(_chance.LogNormal(15 * 60_000, 1), 6 * 3_600_000);
            // What has not arrived at the end is not late yet.
            if (late < options.UntilMs)
                return late;
        }
        // A user's events of five seconds come in one piece; those of another at another moment.
        var phase = _user.Number * 1733 % CollectedMs;
        return Math.Min(options.UntilMs, ((((occurredAtMs + phase) / CollectedMs) + 1) * CollectedMs) - phase + WayMs);
    }

    public IEnumerable<SimulatedEvent> InOrder()
    {
        Sort();
        for (var i = 0; i < _entries.Count; i++)
        {
            var e = _entries[(int)(_order[i] & int.MaxValue)];
            yield return new SimulatedEvent(e.Type, e.User, e.OccurredAtMs, e.ArrivedAtMs, e.SkewMs, e.IsRepeat, Text.Slice(e.Start, e.Length));
        }
    }

    /// <summary>Numbers that hold the time and, below it, the place: a repeat comes behind its first, and the order is the same in every run.</summary>
    void Sort()
    {
        if (_order.Length < _entries.Count)
            _order = new long[_entries.Count * 2];
        var first = _entries.Count > 0 ? _entries.Min(e => e.ArrivedAtMs) : 0;
        for (var i = 0; i < _entries.Count; i++)
            _order[i] = ((_entries[i].ArrivedAtMs - first) << 31) | (uint)i;
        Array.Sort(_order, 0, _entries.Count);
    }
}
