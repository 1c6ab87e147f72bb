using System.Globalization;

namespace Pipeline.Ingest.Statistics;

/// <summary>The time a series is about, and the steps it is cut into: as fine as a bounded number of points allows.</summary>
/// <param name="Text">As the caller named it: <c>24h</c>, or <c>from/to</c> as an interval of ISO 8601.</param>
sealed record SeriesWindow(string Text, DateTime From, DateTime To, TimeSpan Step)
{
    public const int PointsMax = 500, DaysMax = 366, RangeDigitsMax = 6;
    public const string RangeDefault = "24h";

    /// <summary>Times that InfluxDB can hold and an event can have.</summary>
    static readonly DateTime First = DateTime.UnixEpoch, Last = new(2262, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    /// <summary>Each divides a day, so that steps begin where a reader looks for them. The last one suffices for <see cref="DaysMax"/>.</summary>
    static readonly int[] StepsSeconds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];

    /// <returns>Null, or what is wrong, naming the parameter and what is allowed.</returns>
    public static Problem? Read(string? range, string? from, string? to, DateTime now, out SeriesWindow window)
    {
        window = null!;
        if (from is null && to is null)
            return ReadRange(range ?? RangeDefault, now, out window);
        if (range is not null)
            return new Problem(400, "invalid_range", "Give either range or from and to.") { Parameter = "range" };
        if (from is null)
            return new Problem(400, "invalid_range", "to needs a from; only to may be left out, which is now.") { Parameter = "from" };
        if (!TryTime(from, out var first))
            return QueryTime.Invalid("from");
        var last = now;
        if (to is not null && !TryTime(to, out last))
            return QueryTime.Invalid("to");
        if (first >= last)
            return new Problem(400, "invalid_range", "from must lie before to.") { Parameter = "from" };
        if (last - first > TimeSpan.FromDays(DaysMax) || first < First || last > Last)
            return new Problem(400, "invalid_range", $"from and to must lie within the years 1970 to 2261 and at most {DaysMax} days apart.") { Parameter = "from" };
        window = Of($"{Rfc3339(first)}/{Rfc3339(last)}", first, last);
        return null;
    }

    static Problem? ReadRange(string range, DateTime now, out SeriesWindow window)
    {
        window = null!;
        if (!TryLength(range, out var length) || length > TimeSpan.FromDays(DaysMax))
            return new Problem(400, "invalid_range", $"range must be a whole number from 1 with m, h or d, like 15m, 24h or 90d, and at most {DaysMax}d.") { Parameter = "range" };
        var cut = Of(range, now - length, now);
        // Whole steps: else the first mean would change with every second.
        window = cut with { From = cut.From.AddTicks(-((cut.From - DateTime.UnixEpoch).Ticks % cut.Step.Ticks)) };
        return null;
    }

    static SeriesWindow Of(string text, DateTime from, DateTime to) =>
        new(text, from, to, StepsSeconds.Select(s => TimeSpan.FromSeconds(s)).First(step => Points(from, to, step) <= PointsMax));

    /// <summary>Steps that the window touches.</summary>
    static long Points(DateTime from, DateTime to, TimeSpan step)
    {
        long first = (from - DateTime.UnixEpoch).Ticks / step.Ticks, last = ((to - DateTime.UnixEpoch).Ticks - 1) / step.Ticks;
        return last - first + 1;
    }

    static bool TryLength(string text, out TimeSpan length)
    {
        length = default;
        if (text.Length is < 2 or > RangeDigitsMax + 1 || !int.TryParse(text.AsSpan(..^1), NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count == 0)
            return false;
        var unit = text[^1] switch { 'm' => TimeSpan.FromMinutes(1), 'h' => TimeSpan.FromHours(1), 'd' => TimeSpan.FromDays(1), _ => TimeSpan.Zero };
        length = unit * count;
        return unit > TimeSpan.Zero;
    }

    static bool TryTime(string text, out DateTime time)
    {
        var read = QueryTime.TryRead(text, out var us);
        time = read ? QueryTime.OfUnix(us) : default;
        return read;
    }

    static string Rfc3339(DateTime time) => time.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFZ", CultureInfo.InvariantCulture);
}
