namespace Pipeline.DevTool.Simulation;

/// <summary>A stretch of work without a break, unix ms, its end not included.</summary>
readonly record struct Stretch(long StartMs, long EndMs);

/// <summary>
/// Who works when. It depends on the users, the days, the presence and the seed alone, so that runs that differ in their rate have the same hours of work.
/// </summary>
static class Schedule
{
    const long MinuteMs = 60_000, DayMs = 24 * 60 * MinuteMs;

    /// <summary>The first and the last day (exclusive) that may have work in it: a local day begins up to half a day before or after that of UTC.</summary>
    public static (int First, int End) Days(SimulationOptions options) => (-1, options.Days + 2);

    /// <summary>The user's stretches of work on a day, by the order of time; none on a free day.</summary>
    public static void Fill(List<Stretch> stretches, SimulationOptions options, int user, Habits habits, int day)
    {
        stretches.Clear();
        var midnight = (options.FromMs / DayMs * DayMs) + (day * DayMs);
        var weekday = DateTimeOffset.FromUnixTimeMilliseconds(midnight).DayOfWeek;
        if (!habits.WorksOn(weekday, day))
            return;
        var chance = Chance.Of(options.Seed, Purpose.Schedule, user, day);
        // Illness, holidays, other work.
        if (!chance.Is(options.Presence * 0.94))
            return;
        var start = midnight + (long)((habits.StartMinute - habits.ZoneMinutes + (12 * chance.Normal())) * MinuteMs);
        var work = habits.Hours * chance.Between(0.85, 1.1) * 60;
        var half = work * chance.Between(0.45, 0.6);
        start = Half(stretches, ref chance, start, half);
        if (habits.Hours > 5)
            start += (long)(chance.Between(25, 65) * MinuteMs);
        Half(stretches, ref chance, start, work - half);
        Clamp(stretches, options);
    }

    /// <summary>Half a day: two stretches with a short break between them.</summary>
    /// <returns>When it ends.</returns>
    static long Half(List<Stretch> stretches, ref Chance chance, long start, double minutes)
    {
        var middle = start + (long)(minutes * chance.Between(0.35, 0.65) * MinuteMs);
        var pause = (long)(chance.Between(5, 20) * MinuteMs);
        var end = start + (long)(minutes * MinuteMs) + pause;
        stretches.Add(new Stretch(start, middle));
        stretches.Add(new Stretch(middle + pause, end));
        return end;
    }

    static void Clamp(List<Stretch> stretches, SimulationOptions options)
    {
        for (var i = stretches.Count - 1; i >= 0; i--)
        {
            var (start, end) = stretches[i];
            stretches[i] = new Stretch(Math.Max(start, options.FromMs), Math.Min(end, options.UntilMs));
            if (stretches[i].EndMs <= stretches[i].StartMs)
                stretches.RemoveAt(i);
        }
    }

    /// <summary>The hours of work of all users together.</summary>
    public static double WorkedHours(SimulationOptions options)
    {
        var stretches = new List<Stretch>();
        var ms = 0L;
        for (var user = 0; user < options.Users; user++)
        {
            var habits = Habits.Draw(options, user);
            for (var (day, end) = Days(options); day < end; day++)
            {
                Fill(stretches, options, user, habits, day);
                foreach (var (from, to) in stretches)
                    ms += to - from;
            }
        }
        return ms / 3_600_000.0;
    }
}
