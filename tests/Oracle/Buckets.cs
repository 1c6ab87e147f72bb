using System.Collections.Concurrent;

namespace Pipeline.Oracle;

public enum BucketSize
{
    Hour,
    Day,
    Week,
}

/// <summary>One bucket of a series.</summary>
/// <param name="Start">Where the bucket begins by the calendar, as a UTC instant; before <paramref name="Window"/> where the question's window begins inside the bucket.</param>
/// <param name="Window">The part of the bucket inside the question's window.</param>
public sealed record Bucket(DateTimeOffset Start, Window Window, Figures Figures);

/// <summary>
/// Buckets by the clock of a time zone: found by walking the quarter hours, so that days of 23 and 25 hours, midnights that a change of the clock skips,
/// and zones at :30 or :45 need no rule of their own.
/// </summary>
static class Buckets
{
    static readonly TimeSpan Quarter = TimeSpan.FromMinutes(15);

    /// <summary>No change of the clock puts the date back by more: a date that comes a second time within it is still the same day.</summary>
    const int QuartersLookedBack = 12;

    /// <summary>The walk is long, and many questions are of one window.</summary>
    static readonly ConcurrentDictionary<(DateTimeOffset, DateTimeOffset, BucketSize, string), IReadOnlyList<(DateTimeOffset Start, DateTimeOffset From, DateTimeOffset To)>> Found = new();

    /// <summary>Where a bucket that touches [from, to) begins: its own start and the stretch inside.</summary>
    public static IReadOnlyList<(DateTimeOffset Start, DateTimeOffset From, DateTimeOffset To)> Touching(DateTimeOffset from, DateTimeOffset to, BucketSize size, TimeZoneInfo zone) =>
        Found.GetOrAdd((from, to, size, zone.Id), _ => [.. Walk(from, to, size, zone)]);

    static IEnumerable<(DateTimeOffset Start, DateTimeOffset From, DateTimeOffset To)> Walk(DateTimeOffset from, DateTimeOffset to, BucketSize size, TimeZoneInfo zone)
    {
        var start = from;
        while (!Begins(start, size, zone))
            start -= Quarter;
        var inside = from;
        for (var at = from + Quarter; at <= to; at += Quarter)
        {
            if (at < to && !Begins(at, size, zone))
                continue;
            yield return (start.ToUniversalTime(), inside.ToUniversalTime(), at.ToUniversalTime());
            start = inside = at;
        }
    }

    static bool Begins(DateTimeOffset at, BucketSize size, TimeZoneInfo zone)
    {
        var (local, before) = (TimeZoneInfo.ConvertTime(at, zone), TimeZoneInfo.ConvertTime(at - Quarter, zone));
        if (size == BucketSize.Hour)
            return local.Minute == 0 || local.Hour != before.Hour;
        return local.Date != before.Date
            && Enumerable.Range(1, QuartersLookedBack).All(back => Label(at - (back * Quarter), size, zone) < Label(at, size, zone));
    }

    /// <summary>The date, or the Monday of its week.</summary>
    static DateTime Label(DateTimeOffset at, BucketSize size, TimeZoneInfo zone)
    {
        var date = TimeZoneInfo.ConvertTime(at, zone).Date;
        return size == BucketSize.Day ? date : date.AddDays(-(((int)date.DayOfWeek + 6) % 7));
    }
}
