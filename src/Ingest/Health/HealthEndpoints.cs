using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Pipeline.Ingest.Engines;
using Pipeline.Ingest.Events;
using Pipeline.Sinks.Health;
using Pipeline.Sinks.Hosting;
using Pipeline.Sinks.Prometheus;

namespace Pipeline.Ingest.Health;

static class HealthEndpoints
{
    /// <summary>live = the process answers; ready = events can be accepted; health = each dependency. Under the root and under /api/v1.</summary>
    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        app.MapGet("health/live", () => TypedResults.Ok(new { status = "live" })).ExcludeFromDescription();
        app.MapGet("health/ready", (Readiness readiness) => Answer(readiness.Reason is null, new { status = readiness.Reason is null ? "ready" : "not_ready", reason = readiness.Reason })).ExcludeFromDescription();
        app.MapGet("health", (DependencyWatch watch, FloodWatch floods, InFlightBytes budget, Readiness readiness, KafkaState kafka, ClockSkew skew, EnginePool engines) => Answer(readiness.Reason is null, new
        {
            status = readiness.Reason is not null ? "unhealthy" : watch.Dependencies.All(d => d.State is { Healthy: true }) && !floods.Floods.Any() ? "healthy" : "degraded",
            dependencies = watch.Dependencies.ToDictionary(d => d.Name, d => d.State),
            floods = floods.Floods.Select(f => new { f.Tenant, f.DeadLetters, f.Records, f.Until }),
            kafka_client = kafka.LastError,
            under_replicated_partitions = kafka.UnderReplicated,
            clock_skew_s = skew.Seconds,
            engines = engines.States,
            in_flight_bytes = budget.Bytes,
            in_flight_limit_bytes = budget.Max,
        })).ExcludeFromDescription();
        app.MapGet("metrics", (PrometheusText metrics) => TypedResults.Text(metrics.Scrape(), PrometheusText.ContentType)).ExcludeFromDescription();
    }

    static IResult Answer(bool well, object state) => TypedResults.Json(state, BatchAnswer.Json, statusCode: well ? 200 : 503);

    /// <summary>Asks the broker through the producer's own connections, so that the answer is about the road that events take.</summary>
    public static async Task AskKafkaAsync(EventProducer producer, KafkaOptions options, KafkaState state)
    {
        using var admin = new DependentAdminClientBuilder(producer.Handle).Build();
        var topics = await admin.DescribeTopicsAsync(TopicCollection.OfTopicNames([options.EventsTopic]), new DescribeTopicsOptions { RequestTimeout = TimeSpan.FromSeconds(3) });
        if (topics.TopicDescriptions[0].Error.IsError)
            throw new InvalidOperationException(topics.TopicDescriptions[0].Error.Reason);
        state.UnderReplicated = topics.TopicDescriptions[0].Partitions.Count(p => p.ISR.Count < p.Replicas.Count);
    }
}

/// <summary>Whether this process can accept events now: it is not stopping, the broker answers, and the bytes in flight are below their bound.</summary>
sealed class Readiness(IHostApplicationLifetime lifetime, DependencyWatch watch, InFlightBytes budget)
{
    public string? Reason =>
        lifetime.ApplicationStopping.IsCancellationRequested ? "stopping"
        : !watch.IsHealthy("kafka") ? "kafka does not answer"
        : budget.Bytes >= budget.Max ? "too many bytes in flight" : null;
}
