using System.ComponentModel;
using System.Globalization;
using Microsoft.AspNetCore.Mvc;
using Pipeline.Contracts;
using Pipeline.Contracts.Events;
using Pipeline.Ingest.Events;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest.Statistics;

/// <summary>The window of a call, as texts, so that whatever is wrong with one is answered in our form and by its name.</summary>
public class WindowQuery
{
    [FromQuery(Name = "from"), Description("Begin of the window, RFC 3339, a multiple of 15 minutes. Open where absent.")]
    public string? From { get; init; }

    [FromQuery(Name = "to"), Description("End of the window, exclusive; likewise.")]
    public string? To { get; init; }

    /// <returns>Null, or what is wrong.</returns>
    internal virtual Problem? Read(string? userId, string? projectId, out MetricsQuery query)
    {
        query = new MetricsQuery(Topics.DefaultTenant, userId, projectId);
        foreach (var id in (ReadOnlySpan<string?>)[userId, projectId])
            if (id is not null && !EnvelopeText.IsKey(id))
                return new Problem(400, "invalid_id", "Ids have 1 to 128 characters without control characters.");
        if (ReadTime(From, "from", MetricsQuery.Beginning, out var from) is { } wrongFrom)
            return wrongFrom;
        if (ReadTime(To, "to", MetricsQuery.End, out var to) is { } wrongTo)
            return wrongTo;
        query = query with { Edges = [from, to > from ? to : from] };
        return null;
    }

    /// <summary>Windows are cut at multiples of 15 minutes, because that is how the aggregates are kept.</summary>
    static Problem? ReadTime(string? text, string name, DateTime open, out DateTime time)
    {
        const long bucketUs = 15 * 60 * Rfc3339.MicrosecondsPerSecond;
        time = open;
        if (text is null)
            return null;
        if (!QueryTime.TryRead(text, out var us))
            return QueryTime.Invalid(name);
        var nearest = Math.Min((long)Math.Round(us / (double)bucketUs) * bucketUs, QueryTime.CalendarEndUs - bucketUs);
        if (nearest != us)
            return new Problem(400, "unaligned_time", string.Create(CultureInfo.InvariantCulture, $"{name} must be a multiple of 15 minutes; the nearest is {QueryTime.OfUnix(nearest):yyyy-MM-ddTHH:mm:ssZ}.")) { Parameter = name };
        time = QueryTime.OfUnix(us);
        time = time < MetricsQuery.Beginning ? MetricsQuery.Beginning : time > MetricsQuery.End ? MetricsQuery.End : time;
        return null;
    }

    internal static Problem? ReadGap(string? text, out int gap)
    {
        gap = MetricsQuery.GapSecondsDefault;
        return text is null || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out gap) && gap is >= MetricsQuery.GapSecondsMin and <= MetricsQuery.GapSecondsMax)
            ? null : Wrong("gap_s", $"is a whole number from {MetricsQuery.GapSecondsMin} to {MetricsQuery.GapSecondsMax}.");
    }

    internal static Problem Wrong(string name, string why) => new(400, "invalid_parameter", $"{name} {why}") { Parameter = name };
}

/// <summary>What figures of a whole window can be asked for besides.</summary>
public class FiguresQuery : WindowQuery
{
    [FromQuery(Name = "tool"), Description("Events of this tool alone. Figures that have to do with time are null then.")]
    public string? Tool { get; init; }

    [FromQuery(Name = "annotation_type"), Description("Annotation events of this type alone; likewise.")]
    public string? AnnotationType { get; init; }

    [FromQuery(Name = "gap_s"), Description("Longest pause within active time, 30 to 600 s. Default 100.")]
    public string? Gap { get; init; }

    internal override Problem? Read(string? userId, string? projectId, out MetricsQuery query)
    {
        if (base.Read(userId, projectId, out query) is { } wrong)
            return wrong;
        foreach (var (name, value) in (ReadOnlySpan<(string, string?)>)[("tool", Tool), ("annotation_type", AnnotationType)])
            if (value is not null && !EnvelopeText.IsKey(value))
                return Wrong(name, "has 1 to 128 characters without control characters.");
        if (ReadGap(Gap, out var gap) is { } wrongGap)
            return wrongGap;
        query = query with { Tool = Tool, AnnotationType = AnnotationType, GapSeconds = gap };
        return null;
    }
}

/// <summary>What a call of statistics that answers with a series can be asked.</summary>
public sealed class StatisticsQuery : FiguresQuery
{
    [FromQuery(Name = "bucket"), Description("hour, day or week (from Monday): adds a series. Needs from and to.")]
    public string? Bucket { get; init; }

    [FromQuery(Name = "tz"), Description("The IANA time zone of the buckets, such as Asia/Kathmandu. Default UTC.")]
    public string? Zone { get; init; }

    internal override Problem? Read(string? userId, string? projectId, out MetricsQuery query)
    {
        if (base.Read(userId, projectId, out query) is { } wrong)
            return wrong;
        var edges = query.Edges;
        if (ReadEdges(this, Bucket, Zone, ref edges) is { } wrongBuckets)
            return wrongBuckets;
        query = query with { Edges = edges };
        return null;
    }

    /// <param name="edges">The window's ends, which are kept where no bucket was asked for.</param>
    internal static Problem? ReadEdges(WindowQuery asked, string? bucket, string? tz, ref IReadOnlyList<DateTime> edges)
    {
        if (ReadZone(tz, out var zone) is { } wrongZone)
            return wrongZone;
        if (bucket is null)
            return null;
        if (bucket is not ("hour" or "day" or "week"))
            return Wrong("bucket", "is hour, day or week.");
        if (asked.From is null || asked.To is null)
            return Wrong("bucket", "needs from and to.");
        if (TimeBuckets.Edges(edges[0], edges[^1], Enum.Parse<BucketUnit>(bucket, ignoreCase: true), zone) is not { } found)
            return new Problem(400, "too_many_buckets", $"A series has at most {TimeBuckets.BucketsMax} buckets; ask for a shorter window or larger buckets.") { Parameter = "bucket" };
        edges = found;
        return null;
    }

    internal static Problem? ReadZone(string? id, out TimeZoneInfo zone)
    {
        zone = TimeZoneInfo.Utc;
        // The id alone: a path-like text would be looked up among the system's files.
        if (id is null || (id.Length <= 64 && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '_' or '-' or '+') && TimeZoneInfo.TryFindSystemTimeZoneById(id, out zone!)))
            return null;
        zone = TimeZoneInfo.Utc;
        return Wrong("tz", "is no IANA time zone, such as Europe/Berlin.");
    }
}
