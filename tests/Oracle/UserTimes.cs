namespace Pipeline.Oracle;

/// <summary>The 10-second slots of each user, over the events given: a user's projects are united before gaps are filled.</summary>
sealed class UserTimes(IEnumerable<Occurrence> events, int gapS)
{
    const long SlotUs = 10 * Times.SecondUs;
    const int SlotS = 10, SessionGapS = 30 * 60;

    /// <summary>Active, session and performance slots are in ascending order.</summary>
    sealed record Slots(long[] Active, long[] Session, IReadOnlyList<(long First, long Last)> Runs, long[] Performance);

    readonly List<Slots> _users = [.. events.GroupBy(e => e.User).Select(user => Of([.. user], gapS))];

    public long ActiveS(Window window) => _users.Sum(u => In(u.Active, window));

    public long SessionS(Window window) => _users.Sum(u => In(u.Session, window));

    public long Sessions(Window window) => _users.Sum(u => u.Runs.Count(r => Starts(r.First, window)));

    public long SessionsWithPerformance(Window window) =>
        _users.Sum(u => u.Runs.Count(r => Starts(r.First, window) && u.Performance.Any(slot => slot >= r.First && slot <= r.Last)));

    public long ActiveUsers(Window window) => _users.Count(u => In(u.Active, window) > 0);

    public IEnumerable<long> SessionStarts => _users.SelectMany(u => u.Runs).Select(r => r.First * SlotUs);

    /// <summary>From the first slot's start to the last slot's, in microseconds; null without any event.</summary>
    public (long First, long Last)? Span => _users.Count == 0 ? null : (_users.Min(u => u.Session[0]) * SlotUs, _users.Max(u => u.Session[^1]) * SlotUs);

    static Slots Of(List<Occurrence> events, int gapS)
    {
        var session = Filled(Occupied(events), SessionGapS);
        return new Slots(Filled(Occupied(events.Where(e => e.IsWork)), gapS), session, Runs(session), [.. Occupied(events.Where(e => e.Type == "performance")).Order()]);
    }

    static HashSet<long> Occupied(IEnumerable<Occurrence> events)
    {
        var slots = new HashSet<long>();
        foreach (var e in events)
            for (var slot = (e.At - (e.DurationUs ?? 0)) / SlotUs; slot <= e.At / SlotUs; slot++)
                slots.Add(slot);
        return slots;
    }

    static long[] Filled(HashSet<long> occupied, int gapS)
    {
        var sorted = occupied.Order().ToList();
        var filled = new HashSet<long>(occupied);
        foreach (var (left, right) in sorted.Zip(sorted.Skip(1)))
            if ((right - left) * SlotS <= gapS)
                for (var slot = left + 1; slot < right; slot++)
                    filled.Add(slot);
        return [.. filled.Order()];
    }

    static List<(long First, long Last)> Runs(long[] slots)
    {
        var runs = new List<(long First, long Last)>();
        foreach (var slot in slots)
            if (runs.Count > 0 && runs[^1].Last == slot - 1)
                runs[^1] = (runs[^1].First, slot);
            else
                runs.Add((slot, slot));
        return runs;
    }

    static long In(long[] slots, Window window) =>
        SlotS * ((window.To is { } to ? Before(slots, to) : slots.Length) - (window.From is { } from ? Before(slots, from) : 0));

    /// <summary>How many slots start before a time, which as a multiple of 15 minutes is the start of one.</summary>
    static int Before(long[] slots, DateTimeOffset time) => Array.BinarySearch(slots, Times.Us(time) / SlotUs) is >= 0 and var at ? at : ~Array.BinarySearch(slots, Times.Us(time) / SlotUs);

    static bool Starts(long slot, Window window) => window.Holds(slot * SlotUs);
}
