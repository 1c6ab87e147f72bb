using System.Text.Json;
using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Analysis.Requests;

namespace Pipeline.Processors.Analysis.Http;

/// <summary>The engine by HTTP, for Ingest: one request, or up to 1,000 of them with an outcome each.</summary>
static class AnalysisEndpoints
{
    const long BatchAnswerBytesMax = 64L << 20;

    static readonly JsonSerializerOptions Listing = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    public static void MapAnalysis(this IEndpointRouteBuilder routes)
    {
        // The second is Ingest's own path, for those who go to an engine directly.
        foreach (var path in (string[])["analysis/analyze", "api/v1/analyze"])
            routes.MapPost(path, (HttpContext http, IAnalysisEngine engine, AnalysisBodies bodies, Float64Bodies floats) =>
                Float64Request.Is(http.Request.ContentType) ? AnalyzeFloat64Async(http, engine, floats) : AnalyzeAsync(http, engine, bodies));
        routes.MapPost("analysis/batch", AnalyzeBatchAsync);
        routes.MapGet("analysis/algorithms", (IAnalysisEngine engine) => TypedResults.Json(new { algorithms = engine.Algorithms }, Listing));
        routes.MapGet("analysis/workers", (IServiceProvider services) => TypedResults.Json(AnalysisHost.State(services), Listing));
        routes.MapGet("analysis/cache", (ResultCache cache, SharedCache shared) => TypedResults.Json(CacheState(cache.Figures, shared.Figures), Listing));
        routes.MapDelete("analysis/cache", (ResultCache cache, string? algorithm) => TypedResults.Json(new { removed = cache.Purge(algorithm) }, Listing));
        routes.MapGet("analysis/queues", (IServiceProvider services, ProcessorMetrics metrics) => TypedResults.Json(new
        {
            jobs_waiting_here = services.GetService<WeightedTurns>()?.Waiting.Zip(JobReceiver.Priorities).ToDictionary(w => w.Second.Name(), w => w.First),
            rabbitmq = metrics.LastQueueMessages,
        }, Listing));
    }

    static object CacheState(CacheFigures own, (long Hits, long Misses) shared) =>
        new { own.Entries, own.Bytes, own.Hits, own.Misses, own.Evicted, shared_hits = shared.Hits, shared_misses = shared.Misses };

    static Task AnalyzeAsync(HttpContext http, IAnalysisEngine engine, AnalysisBodies bodies) => bodies.ReadAsync(http, async body =>
    {
        var (id, outcome, withMetadata) = await ExecuteAsync(engine, body, http.RequestAborted);
        await AnswerAsync(http, id, outcome, withMetadata);
    }, fault => FailAsync(http, fault));

    static async Task AnalyzeFloat64Async(HttpContext http, IAnalysisEngine engine, Float64Bodies bodies)
    {
        Float64Request asked;
        try
        {
            asked = Float64Request.Read(http.Request.Query);
        }
        catch (AnalysisException e)
        {
            await FailAsync(http, e.Fault);
            return;
        }
        await bodies.ReadAsync(http, asked.ColumnCount, async values =>
        {
            var outcome = await engine.ExecuteAsync(asked.With(values), http.RequestAborted);
            await AnswerAsync(http, asked.Request.RequestId, outcome, asked.Request.Options.IncludeMetadata);
            return outcome.Fault is not { Reason: AnalysisFaultCode.Timeout or AnalysisFaultCode.Cancelled };
        }, (fault, status) => FailAsync(http, fault, status));
    }

    static Task AnalyzeBatchAsync(HttpContext http, IAnalysisEngine engine, AnalysisBodies bodies) => bodies.ReadAsync(http, async body =>
    {
        if (AnalysisBatchReader.Read(body.Span, out var requests) is { } fault)
        {
            await FailAsync(http, fault);
            return;
        }
        var (answers, bytes) = (new (string?, AnalysisOutcome, bool)[requests.Count], 0L);
        await Parallel.ForEachAsync(Enumerable.Range(0, requests.Count), new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = http.RequestAborted }, async (i, stop) =>
        {
            answers[i] = await ExecuteAsync(engine, body[requests[i]], stop);
            // A thousand small requests can have a thousand large results.
            if (Interlocked.Add(ref bytes, answers[i].Item2.Result.Length) > BatchAnswerBytesMax)
                answers[i].Item2 = AnalysisOutcome.Failed(AnalysisFaultCode.TooLarge, $"The results of this batch have more than {BatchAnswerBytesMax} bytes; send this request in another one.");
        });
        await WriteAsync(http, 200, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("results");
            foreach (var (id, outcome, withMetadata) in answers)
                AnalysisAnswer.Write(json, id, outcome, withMetadata);
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }, fault => FailAsync(http, fault));

    static async Task<(string? Id, AnalysisOutcome Outcome, bool WithMetadata)> ExecuteAsync(IAnalysisEngine engine, ReadOnlyMemory<byte> json, CancellationToken stop) =>
        AnalysisRequestReader.Read(json.Span, out var request) is { } fault ? (null, new AnalysisOutcome(default, fault, null), false)
            : (request!.RequestId, await engine.ExecuteAsync(request, stop), request.Options.IncludeMetadata);

    static Task AnswerAsync(HttpContext http, string? id, AnalysisOutcome outcome, bool withMetadata) => outcome.Fault is { } fault ? FailAsync(http, fault, id: id)
        : WriteAsync(http, StatusCodes.Status200OK, json => AnalysisAnswer.Write(json, id, outcome, withMetadata));

    static Task FailAsync(HttpContext http, AnalysisFault fault, int? status = null, string? id = null)
    {
        var code = status ?? AnalysisAnswer.StatusOf(fault);
        return WriteAsync(http, code, json => AnalysisAnswer.WriteProblem(json, code, id, fault), "application/problem+json");
    }

    static async Task WriteAsync(HttpContext http, int status, Action<Utf8JsonWriter> write, string type = "application/json")
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = type;
        if (status == StatusCodes.Status429TooManyRequests || status == StatusCodes.Status503ServiceUnavailable)
            http.Response.Headers.RetryAfter = "1";
        using (var json = new Utf8JsonWriter(http.Response.BodyWriter))
            write(json);
        await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
    }
}
