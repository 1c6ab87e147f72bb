namespace Pipeline.Sinks.Metrics;

/// <summary>What was done in one hour of the day or on one day of the week.</summary>
public sealed class RhythmSums
{
    public long ActiveSlots { get; set; }
    public long Annotations { get; set; }
    public long Completed { get; set; }
}

/// <summary>Folds work and active time by the clocks of a zone. Within a quarter of an hour no zone in use changes its hour, so that each quarter belongs to one.</summary>
/// <param name="from">First slot of the window.</param>
/// <param name="to">The slot behind its last.</param>
public sealed class Rhythm(TimeZoneInfo zone, long from, long to)
{
    const int SlotsPerQuarter = 15 * 60 / ActiveTime.SlotSeconds;

    readonly HashSet<DateOnly> _days = [];

    /// <summary>By local hour, 0 to 23.</summary>
    public IReadOnlyList<RhythmSums> Hours { get; } = [.. Enumerable.Range(0, 24).Select(_ => new RhythmSums())];

    /// <summary>From Monday.</summary>
    public IReadOnlyList<RhythmSums> Weekdays { get; } = [.. Enumerable.Range(0, 7).Select(_ => new RhythmSums())];

    /// <summary>Local dates with active time.</summary>
    public int ActiveDays => _days.Count;

    /// <param name="quarter">UTC, a multiple of 15 minutes.</param>
    public void AddWork(DateTime quarter, long annotations, long completed)
    {
        var local = TimeZoneInfo.ConvertTimeFromUtc(quarter, zone);
        foreach (var sums in Of(local))
        {
            sums.Annotations += annotations;
            sums.Completed += completed;
        }
    }

    /// <summary>An unbroken run of active slots, both ends included; what lies outside the window is not counted.</summary>
    public void AddActive(long first, long last)
    {
        first = Math.Max(first, from);
        last = Math.Min(last, to - 1);
        while (first <= last)
        {
            var quarter = first - (first % SlotsPerQuarter);
            var end = Math.Min(last, quarter + SlotsPerQuarter - 1);
            var local = TimeZoneInfo.ConvertTimeFromUtc(DateTime.UnixEpoch.AddSeconds(quarter * ActiveTime.SlotSeconds), zone);
            foreach (var sums in Of(local))
                sums.ActiveSlots += end - first + 1;
            _days.Add(DateOnly.FromDateTime(local));
            first = end + 1;
        }
    }

    RhythmSums[] Of(DateTime local) => [Hours[local.Hour], Weekdays[((int)local.DayOfWeek + 6) % 7]];
}
