using System.ComponentModel;
using Microsoft.AspNetCore.Mvc;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest.Statistics.Analysis;

/// <summary>What every analysis of a user can be asked.</summary>
public class AnalysisQuery : WindowQuery
{
    [FromQuery(Name = "project_id"), Description("In this project alone.")]
    public string? ProjectId { get; init; }

    [FromQuery(Name = "gap_s"), Description("Longest pause within active time, 30 to 600 s. Default 100.")]
    public string? Gap { get; init; }

    internal Problem? Read(string userId, out MetricsQuery query)
    {
        if (Read(userId, ProjectId, out query) is { } wrong)
            return wrong;
        if (ReadGap(Gap, out var gap) is { } wrongGap)
            return wrongGap;
        query = query with { GapSeconds = gap };
        return null;
    }
}

/// <summary>With the clocks by which days and hours are told.</summary>
public class ZonedAnalysisQuery : AnalysisQuery
{
    [FromQuery(Name = "tz"), Description("The IANA time zone of hours and days, such as Asia/Kathmandu. Default UTC.")]
    public string? Zone { get; init; }
}

public sealed class TrendQuery : ZonedAnalysisQuery
{
    [FromQuery(Name = "bucket"), Description("day or week (from Monday). Default day. Needs from and to.")]
    public string? Bucket { get; init; }

    internal Problem? ReadBuckets(string userId, out MetricsQuery query)
    {
        if (Read(userId, out query) is { } wrong)
            return wrong;
        if (Bucket is not (null or "day" or "week"))
            return Wrong("bucket", "is day or week.");
        var edges = query.Edges;
        if (StatisticsQuery.ReadEdges(this, Bucket ?? "day", Zone, ref edges) is { } wrongBuckets)
            return wrongBuckets;
        query = query with { Edges = edges };
        return null;
    }
}
