using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Pipeline.Contracts;
using Pipeline.Sinks.Hosting;

namespace Pipeline.Ingest.Events;

/// <summary><c>POST /api/v1/events/batch</c>: the way of an event from HTTP into the topic.</summary>
static class EventEndpoints
{
    public static void MapEvents(this IEndpointRouteBuilder api) =>
        api.MapPost("events/batch", PostBatchAsync).WithName("PostEventBatch").WithSummary("Accept a batch of 1 to 1,000 efficiency events")
            .Accepts<BatchRequest>("application/json", "text/plain", "application/x-ndjson").Produces<BatchAnswer>()
            .AddEndpointFilter(FloodFilter.InvokeAsync).ProducesProblems(400, 408, 413, 415, 422, 429, 503);

    static async Task PostBatchAsync(HttpContext http, EventProducer producer, InFlightBytes budget, IngestMetrics metrics, TimeProvider clock, IOptions<IngestOptions> options)
    {
        var started = clock.GetTimestamp();
        // 1. The whole body, decompressed and bounded. A client that goes away here has sent nothing.
        using var body = new RequestBody(budget, options.Value.BodyBytesMax);
        using var batch = new EventBatch(body);
        var problem = FormatOf(http.Request, out var ndjson) ?? await body.ReadAsync(http.Request, http.RequestAborted)
            // 2. Every event gets a verdict of its own.
            ?? (ndjson ? NdjsonReader.Read(batch, http.Request.Query) : BatchReader.Read(batch));
        if (problem is not null)
        {
            await RefuseAsync(http, problem, metrics, options.Value);
            return;
        }
        var receivedAt = clock.GetUtcNow();
        batch.CheckTimes(receivedAt.ToUnixTimeMilliseconds() * 1000);
        // 3. What is valid goes to the broker. From here on the request is finished even if the client has gone: its events may be in the log.
        var delivery = await producer.ProduceAsync(batch, batch.Header(receivedAt.ToUnixTimeMilliseconds(), Topics.DefaultTenant));
        // 4. Only an acknowledged event is called accepted.
        metrics.Batch(batch, clock.GetElapsedTime(started));
        await AnswerAsync(http, batch, delivery.LastError, clock.GetUtcNow(), options.Value);
    }

    static Task AnswerAsync(HttpContext http, EventBatch batch, string? deliveryError, DateTimeOffset now, IngestOptions options)
    {
        var answer = BatchAnswer.Of(batch, now, deliveryError);
        if (answer.ProcessedCount > 0 || answer.Results.Any(r => r.Verdict == "retry") && answer.Results.Any(r => r.Verdict == "rejected"))
            return http.Response.WriteAsJsonAsync(answer, BatchAnswer.Json);
        var problem = answer.Results.All(r => r.Verdict == "retry")
            ? new Problem(503, "broker_unavailable", "The broker did not acknowledge any event; send the same batch again later.") { RetryAfter = options.RetryAfter }
            : new Problem(422, "nothing_valid", "No event of the batch is valid; each has its reason in results.");
        return WriteAsync(http, problem, answer);
    }

    /// <summary>A problem that carries the verdicts, so that a client treats both kinds of answer alike.</summary>
    static Task WriteAsync(HttpContext http, Problem problem, BatchAnswer answer)
    {
        var details = problem.ToDetails();
        details.Extensions["batch_id"] = answer.BatchId;
        details.Extensions["processed_count"] = answer.ProcessedCount;
        details.Extensions["total_count"] = answer.TotalCount;
        details.Extensions["results"] = answer.Results;
        return problem.WriteAsync(http, details);
    }

    static Task RefuseAsync(HttpContext http, Problem problem, IngestMetrics metrics, IngestOptions options)
    {
        metrics.Refused(problem.Code);
        return (problem.Status == 503 ? problem with { RetryAfter = options.RetryAfter } : problem).WriteAsync(http);
    }

    static Problem? FormatOf(HttpRequest request, out bool ndjson)
    {
        ndjson = false;
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type))
            return Unsupported();
        ndjson = type.MediaType.Equals("application/x-ndjson", StringComparison.OrdinalIgnoreCase);
        var json = type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase) || type.MediaType.Equals("text/plain", StringComparison.OrdinalIgnoreCase);
        var utf8 = !type.Charset.HasValue || type.Charset.Value.Trim('"').Equals("utf-8", StringComparison.OrdinalIgnoreCase);
        return (ndjson || json) && utf8 ? null : Unsupported();
    }

    static Problem Unsupported() => new(415, "unsupported_media_type", "Content-Type must be application/json, text/plain or application/x-ndjson, in UTF-8.");
}

/// <summary>The form of a batch, for the API's description: requests are read without making these objects.</summary>
public sealed record BatchRequest(string BatchId, IReadOnlyList<EventRequest> Events, BatchMetadata? Metadata, DateTimeOffset? SentAt);

/// <param name="Dropped">Events that the client gave up since its last batch; shown in the statistics of quality. A whole number from 0, else it is passed over.</param>
public sealed record BatchMetadata(string? Tool, string? Version, long? Dropped);

public sealed record EventRequest(Guid? EventId, string EventType, DateTimeOffset Timestamp, string UserId, string ProjectId, string? TaskId, string? SessionId,
    string? Tool, System.Text.Json.Nodes.JsonObject Data, System.Text.Json.Nodes.JsonObject? Metadata);
