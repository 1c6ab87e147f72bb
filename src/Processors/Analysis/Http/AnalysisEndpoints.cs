using System.Buffers;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Pipeline.Contracts.Analysis;

namespace Pipeline.Processors.Analysis.Http;

/// <summary>The engine by HTTP, for Ingest: one request, or up to 1,000 of them with an outcome each.</summary>
static class AnalysisEndpoints
{
    static readonly JsonSerializerOptions Listing = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static void MapAnalysis(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("analysis/analyze", AnalyzeAsync);
        routes.MapPost("analysis/batch", AnalyzeBatchAsync);
        routes.MapGet("analysis/algorithms", (IAnalysisEngine engine) => TypedResults.Json(new { algorithms = engine.Algorithms }, Listing));
    }

    static async Task AnalyzeAsync(HttpContext http, IAnalysisEngine engine, IOptions<AnalysisSettings> settings)
    {
        if (await ReadAsync(http, settings.Value.BodyBytesMax) is not { } body)
            return;
        var (id, outcome, withMetadata) = await ExecuteAsync(engine, body, http.RequestAborted);
        await WriteAsync(http, AnalysisAnswer.StatusOf(outcome.Fault), json => AnalysisAnswer.Write(json, id, outcome, withMetadata));
    }

    static async Task AnalyzeBatchAsync(HttpContext http, IAnalysisEngine engine, IOptions<AnalysisSettings> settings)
    {
        if (await ReadAsync(http, settings.Value.BodyBytesMax) is not { } body)
            return;
        if (AnalysisBatchReader.Read(body.Span, out var requests) is { } fault)
        {
            await FailAsync(http, fault);
            return;
        }
        var answers = new (string?, AnalysisOutcome, bool)[requests.Count];
        await Parallel.ForEachAsync(Enumerable.Range(0, requests.Count), new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = http.RequestAborted },
            async (i, stop) => answers[i] = await ExecuteAsync(engine, body[requests[i]], stop));
        await WriteAsync(http, 200, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("results");
            foreach (var (id, outcome, withMetadata) in answers)
                AnalysisAnswer.Write(json, id, outcome, withMetadata);
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    static async Task<(string? Id, AnalysisOutcome Outcome, bool WithMetadata)> ExecuteAsync(IAnalysisEngine engine, ReadOnlyMemory<byte> json, CancellationToken stop) =>
        AnalysisRequestReader.Read(json.Span, out var request) is { } fault ? (null, new AnalysisOutcome(default, fault, null), false)
            : (request!.RequestId, await engine.ExecuteAsync(request, stop), request.Options.IncludeMetadata);

    /// <returns>Null where the body was too large, which has been answered.</returns>
    static async Task<ReadOnlyMemory<byte>?> ReadAsync(HttpContext http, int bytesMax)
    {
        if (http.Request.ContentLength is not { } length || length <= bytesMax)
        {
            var body = new ArrayBufferWriter<byte>((int)(http.Request.ContentLength ?? 0) + 1);
            for (int read; (read = await http.Request.Body.ReadAsync(body.GetMemory(4096), http.RequestAborted)) > 0 && body.WrittenCount + read <= bytesMax + 1;)
                body.Advance(read);
            if (body.WrittenCount <= bytesMax)
                return body.WrittenMemory;
        }
        http.Response.Headers.Connection = "close";
        await FailAsync(http, new AnalysisFault(AnalysisFaultCode.TooLarge, $"The body is larger than {bytesMax} bytes."));
        return null;
    }

    static Task FailAsync(HttpContext http, AnalysisFault fault) =>
        WriteAsync(http, AnalysisAnswer.StatusOf(fault), json => AnalysisAnswer.Write(json, null, new AnalysisOutcome(default, fault, null), false));

    static async Task WriteAsync(HttpContext http, int status, Action<Utf8JsonWriter> write)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        if (status == StatusCodes.Status429TooManyRequests || status == StatusCodes.Status503ServiceUnavailable)
            http.Response.Headers.RetryAfter = "1";
        using (var json = new Utf8JsonWriter(http.Response.BodyWriter))
            write(json);
        await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
    }
}
