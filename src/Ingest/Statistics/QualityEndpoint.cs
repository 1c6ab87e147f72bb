using System.ComponentModel;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Pipeline.Ingest.Events;
using Pipeline.Sinks.Metrics;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest.Statistics;

[method: SetsRequiredMembers]
public sealed record QualityBucket(DateTime Start, DateTime End, QualityFigures Figures) : QualityFigures(Figures)
{
    [JsonIgnore]
    public QualityFigures Figures { get; } = Figures;
}

/// <param name="Notes">What else one has to know to read the figures.</param>
[method: SetsRequiredMembers]
public sealed record Quality(string? ProjectId, AskedWindow Window, IReadOnlyList<string> Notes, QualityFigures Figures, string Definitions = MetricDefinitions.Path) : QualityFigures(Figures)
{
    [JsonIgnore]
    public QualityFigures Figures { get; } = Figures;

    /// <summary>Absent where no bucket was asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<QualityBucket>? Series { get; init; }
}

/// <summary>The window and the buckets of a call about receipt.</summary>
public sealed class QualityQuery : WindowQuery
{
    [FromQuery(Name = "bucket"), Description("hour, day or week (from Monday): adds a series. Needs from and to.")]
    public string? Bucket { get; init; }

    [FromQuery(Name = "tz"), Description("The IANA time zone of the buckets. Default UTC.")]
    public string? Zone { get; init; }

    [FromQuery(Name = "project_id"), Description("Of this project alone.")]
    public string? ProjectId { get; init; }

    internal Problem? Read(out MetricsQuery query)
    {
        if (Read(null, ProjectId, out query) is { } wrong)
            return wrong;
        var edges = query.Edges;
        if (StatisticsQuery.ReadEdges(this, Bucket, Zone, ref edges) is { } wrongBuckets)
            return wrongBuckets;
        query = query with { Edges = edges };
        return null;
    }
}

static class QualityEndpoint
{
    static readonly string[] Notes =
    [
        "The window is one of receipt; sessions and coverage are by the time that a session starts.",
        "Ingest adds rejected, refused_batches and client_dropped every 10 s: a crash loses what it had not added, and a connection that breaks meanwhile may count it twice.",
    ];

    public static void Map(IEndpointRouteBuilder api) =>
        api.MapGet("stats/quality", GetAsync).WithName("GetQuality").WithSummary("How events came: late, skewed, twice, not at all").AddEndpointFilter(StoreFilter.InvokeAsync)
            .Produces<Quality>().ProducesProblems(400, 503);

    static async Task<Results<JsonHttpResult<Quality>, Problem>> GetAsync([AsParameters] QualityQuery asked, HttpContext http, QualityReader reader)
    {
        if (asked.Read(out var query) is { } problem)
            return problem;
        var buckets = await reader.ReadAsync(query, http.RequestAborted);
        var whole = new QualitySums();
        foreach (var bucket in buckets)
            whole.Add(bucket);
        var ofTenant = query.ProjectId is null;
        return TypedResults.Json(new Quality(query.ProjectId, AskedWindow.Of(query), Notes, QualityFigures.Of(whole, ofTenant))
        {
            Series = asked.Bucket is null ? null : [.. buckets.Select((b, i) => new QualityBucket(query.Edges[i], query.Edges[i + 1], QualityFigures.Of(b, ofTenant)))],
        }, BatchAnswer.Json);
    }
}
