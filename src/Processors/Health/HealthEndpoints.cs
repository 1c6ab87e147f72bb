using System.Text.Json;
using Pipeline.Processors.Analysis;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Failures;
using Pipeline.Processors.Retention;
using Pipeline.Sinks.Health;
using Pipeline.Sinks.Hosting;
using Pipeline.Sinks.Prometheus;

namespace Pipeline.Processors.Health;

static class HealthEndpoints
{
    static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <summary>live = the process answers; ready = its dependencies answer and the schema is this version's; health = each dependency, its breaker, each consumer group and assigned partition, and the work on failures.</summary>
    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        app.MapGet("health/live", () => TypedResults.Ok(new { status = "live" }));
        app.MapGet("health/ready", (DependencyWatch watch, SchemaAtStart schema, IHostApplicationLifetime lifetime) =>
        {
            var ready = IsReady(watch, schema, lifetime);
            return TypedResults.Json(new { status = ready ? "ready" : "not_ready" }, Json, statusCode: ready ? 200 : 503);
        });
        app.MapGet("health", (DependencyWatch watch, SchemaAtStart schema, IHostApplicationLifetime lifetime, IEnumerable<IHostedService> hosted, Breakers breakers, ClockSkew skew, IServiceProvider services) =>
        {
            var roads = hosted.OfType<RoadHost>().ToDictionary(r => r.Name, r => r.Workers.OrderBy(w => w.Partition.Topic, StringComparer.Ordinal)
                .ThenBy(w => w.Partition.Partition.Value).Select(PartitionHealth.Of).ToList());
            var stopped = roads.Values.SelectMany(p => p).Any(p => p.State == PartitionState.Stopped);
            var well = IsReady(watch, schema, lifetime) && !stopped;
            return TypedResults.Json(new
            {
                status = well ? "healthy" : "unhealthy",
                dependencies = watch.Dependencies.ToDictionary(d => d.Name, d => d.State),
                clock_skew_s = skew.Seconds,
                breakers = breakers.All.ToDictionary(b => b.Dependency, b => new { state = b.State, opened = b.Opened, opened_at = b.OpenedAt }),
                groups = hosted.OfType<RoadHost>().ToDictionary(r => r.Name, r => r.Group),
                roads,
                failures = services.GetService<FailureWork>()?.States,
                retention = services.GetService<RetentionWatch>()?.State,
                analysis = AnalysisHost.State(services),
            }, Json, statusCode: well ? 200 : 503);
        });
        app.MapGet("metrics", (PrometheusText metrics) => TypedResults.Text(metrics.Scrape(), PrometheusText.ContentType));
    }

    /// <summary>For those who tell it by other means than HTTP.</summary>
    public static bool IsReady(IServiceProvider services) =>
        IsReady(services.GetRequiredService<DependencyWatch>(), services.GetRequiredService<SchemaAtStart>(), services.GetRequiredService<IHostApplicationLifetime>());

    static bool IsReady(DependencyWatch watch, SchemaAtStart schema, IHostApplicationLifetime lifetime) =>
        !lifetime.ApplicationStopping.IsCancellationRequested && schema.Ready.IsCompleted && watch.Dependencies.All(d => d.State is { Healthy: true });

    sealed record PartitionHealth(string Topic, int Partition, PartitionState State, long NextOffset, int Queued, PartitionCounts Counts, string? LastError, PartitionFailures Failures)
    {
        public static PartitionHealth Of(PartitionWorker worker) => new(worker.Partition.Topic, worker.Partition.Partition.Value, worker.State, worker.NextOffset,
            worker.Queue.Count, worker.Counts, worker.LastError, worker.Failures);
    }
}
