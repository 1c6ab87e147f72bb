namespace Pipeline.Ingest.Statistics;

public enum BucketUnit { Hour, Day, Week }

/// <summary>Cuts a window at the full hours, midnights or Mondays of a time zone. Aggregates are kept by quarters of an hour, which hold the edges of every zone in use today.</summary>
static class TimeBuckets
{
    public const int BucketsMax = 1000;

    static readonly TimeSpan Quarter = TimeSpan.FromMinutes(15), Hour = TimeSpan.FromHours(1), Day = TimeSpan.FromDays(1);

    /// <param name="from">UTC, a multiple of 15 minutes.</param>
    /// <param name="to">Likewise; after <paramref name="from"/>.</param>
    /// <returns>The window's ends and every edge between them, as UTC; null if that makes more than <see cref="BucketsMax"/> buckets.</returns>
    public static List<DateTime>? Edges(DateTime from, DateTime to, BucketUnit unit, TimeZoneInfo zone)
    {
        var edges = new List<DateTime> { from };
        for (var edge = Next(from, unit, zone); edge < to; edge = Next(edge, unit, zone))
        {
            edges.Add(edge);
            if (edges.Count > BucketsMax)
                return null;
        }
        edges.Add(to);
        return edges;
    }

    /// <summary>The first quarter of an hour after this time at which the zone's clocks begin another hour, day or week. A day without midnight begins when its clocks begin it.</summary>
    static DateTime Next(DateTime after, BucketUnit unit, TimeZoneInfo zone)
    {
        if (unit == BucketUnit.Hour)
        {
            var hour = after + Quarter;
            while (!BeginsHour(hour, zone))
                hour += Quarter;
            return hour;
        }
        // Close to the next edge in one step, then by quarters; all the way by quarters where a zone left out a whole day.
        var today = DateOf(after, unit, zone);
        var days = unit == BucketUnit.Day ? 1 : 7 - DayOfWeek(after, zone);
        var edge = FloorToQuarter(after + (Day * days) - Local(after, zone).TimeOfDay - (3 * Hour));
        if (edge <= after || DateOf(edge, unit, zone) > today)
            edge = after + Quarter;
        // A date that the clocks show once more because they were put back is not another day.
        while (DateOf(edge, unit, zone) <= today)
            edge += Quarter;
        return edge;
    }

    /// <summary>An hour that clocks show twice is two hours; one that they repeat in part is a longer one.</summary>
    static bool BeginsHour(DateTime utc, TimeZoneInfo zone) => Local(utc, zone) is { Minute: 0 } || Local(utc, zone).Hour != Local(utc - Quarter, zone).Hour;

    /// <summary>The local date, or that of its Monday.</summary>
    static DateTime DateOf(DateTime utc, BucketUnit unit, TimeZoneInfo zone) => Local(utc, zone).Date.AddDays(unit == BucketUnit.Week ? -DayOfWeek(utc, zone) : 0);

    /// <summary>From Monday, 0.</summary>
    static int DayOfWeek(DateTime utc, TimeZoneInfo zone) => ((int)Local(utc, zone).DayOfWeek + 6) % 7;

    static DateTime Local(DateTime utc, TimeZoneInfo zone) => TimeZoneInfo.ConvertTimeFromUtc(utc, zone);

    static DateTime FloorToQuarter(DateTime time) => time.AddTicks(-(time.Ticks % Quarter.Ticks));
}
