using Pipeline.Contracts.Events;

namespace Pipeline.DevTool.Simulation.Sending;

/// <summary>What became of the events, by type. Answers come on several threads.</summary>
sealed class Tally
{
    static readonly EventType[] Types = [.. Enum.GetValues<EventType>().Where(type => type != EventType.None)];

    readonly long[] _made = new long[Types.Length + 1], _accepted = new long[Types.Length + 1], _refused = new long[Types.Length + 1];
    readonly SortedDictionary<string, long> _reasons = new(StringComparer.Ordinal);
    readonly HashSet<int> _users = [];
    readonly Lock _sync = new();
    long _repeats, _late, _skewed;

    public long Made => _made.Sum();

    public long Accepted => _accepted.Sum();

    public long Refused => _refused.Sum();

    /// <summary>Passes the events on and counts them as made.</summary>
    public IEnumerable<SimulatedEvent> Count(IEnumerable<SimulatedEvent> events)
    {
        foreach (var e in events)
        {
            _made[(int)e.Type]++;
            _users.Add(e.User);
            _repeats += e.IsRepeat ? 1 : 0;
            _late += e.ArrivedAtMs - e.OccurredAtMs > DayLog.LateAfterMs ? 1 : 0;
            _skewed += e.SkewMs != 0 ? 1 : 0;
            yield return e;
        }
    }

    public void Accept(EventType type) => Interlocked.Increment(ref _accepted[(int)type]);

    public void Refuse(EventType type, string reason)
    {
        Interlocked.Increment(ref _refused[(int)type]);
        lock (_sync)
            _reasons[reason] = _reasons.GetValueOrDefault(reason) + 1;
    }

    /// <summary>How many of each type there were, and how they came.</summary>
    public void PrintMade()
    {
        foreach (var type in Types)
            Console.WriteLine($"  {type.Name(),-22}{_made[(int)type],10}");
        PrintWays();
    }

    public void PrintSent()
    {
        Console.WriteLine($"  {"",-22}{"sent",10}{"accepted",10}{"refused",10}");
        foreach (var type in Types)
            Console.WriteLine($"  {type.Name(),-22}{_made[(int)type],10}{_accepted[(int)type],10}{_refused[(int)type],10}");
        foreach (var (reason, n) in _reasons)
            Console.WriteLine($"  refused: {reason} {n}");
        PrintWays();
    }

    void PrintWays() => Console.WriteLine($"  of {_users.Count} users; {_repeats} are repeats, {_late} late, {_skewed} by a wrong clock");
}
