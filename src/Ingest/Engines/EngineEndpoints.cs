using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Pipeline.Ingest.Events;

namespace Pipeline.Ingest.Engines;

/// <summary>Analyses by HTTP: the body goes to an engine as it is, the engine's answer to the client.</summary>
static class EngineEndpoints
{
    /// <summary>What a body that passes through holds of buffers, here and in the server.</summary>
    const long StreamBytes = 1024 * 1024;

    public static void MapEngines(this IEndpointRouteBuilder api)
    {
        api.MapPost("analyze", (HttpContext http, EnginePool engines, IOptions<EngineOptions> options, TimeProvider clock) =>
                IsFloat64(http) ? StreamAsync(http, engines, options.Value, clock) : PostAsync(http, "analysis/analyze", engines, options.Value))
            .WithName("Analyze").WithSummary("Execute one analysis and wait for its result; the request as JSON, or its numbers as application/x-float64 and the rest in the query").ProducesProblems(400, 404, 408, 413, 415, 422, 429, 501, 503, 504);
        api.MapPost("analyze/batch", (HttpContext http, EnginePool engines, IOptions<EngineOptions> options) => PostAsync(http, "analysis/batch", engines, options.Value))
            .WithName("AnalyzeBatch").WithSummary("Execute 1 to 1,000 analyses, each with an outcome of its own").ProducesProblems(413, 415, 501, 503);
        api.MapGet("algorithms", (HttpContext http, EnginePool engines) => ForwardAsync(http, "analysis/algorithms", null, engines))
            .WithName("Algorithms").WithSummary("What can be asked for, with the JSON Schema of its parameters").ProducesProblems(501, 503);
    }

    static async Task PostAsync(HttpContext http, string path, EnginePool engines, EngineOptions options)
    {
        if (!MediaTypeHeaderValue.TryParse(http.Request.ContentType, out var type) || !type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase))
        {
            await new Problem(415, "unsupported_media_type", "Content-Type must be application/json.").WriteAsync(http);
            return;
        }
        using var body = new RequestBody(engines.Budget, options.BodyBytesMax);
        if (await body.ReadAsync(http.Request, http.RequestAborted) is { } problem)
            await problem.WriteAsync(http);
        else
            await ForwardAsync(http, path, body.Memory, engines);
    }

    static async Task ForwardAsync(HttpContext http, string path, ReadOnlyMemory<byte>? body, EnginePool engines)
    {
        if (engines.IsEmpty)
        {
            await NotConfigured.WriteAsync(http);
            return;
        }
        var answer = await engines.AskAsync(path, body, http.RequestAborted);
        if (answer is null)
            await Unavailable.WriteAsync(http);
        else
            await PassOnAsync(http, answer);
    }

    static Problem NotConfigured => new(501, "analysis_not_configured", "No engine is configured here (Pipeline:Analysis:Engines).");

    static Problem Unavailable => new(503, "engine_unavailable", "No engine answered; /health says which and why.") { RetryAfter = TimeSpan.FromSeconds(1) };

    static bool IsFloat64(HttpContext http) => MediaTypeHeaderValue.TryParse(http.Request.ContentType, out var type) && type.MediaType.Equals("application/x-float64", StringComparison.OrdinalIgnoreCase);

    /// <summary>The body passes through: a few pieces of it are here at a time.</summary>
    static async Task StreamAsync(HttpContext http, EnginePool engines, EngineOptions options, TimeProvider clock)
    {
        var body = new StreamedBody(http.Request, options, clock);
        if (engines.IsEmpty)
            await NotConfigured.WriteAsync(http);
        else if (http.Request.Headers.ContentEncoding.ToString().ToLowerInvariant() is not ("" or "identity"))
            await new Problem(415, "unsupported_encoding", "A float64 body has no Content-Encoding but identity.").WriteAsync(http);
        else if (http.Request.ContentLength > options.Float64BytesMax)
            await body.TooLarge.WriteAsync(http);
        else if (!engines.Budget.TryReserve(StreamBytes))
            await new Problem(503, "overloaded", "Too many bytes are in flight; send the same body again later.") { RetryAfter = TimeSpan.FromSeconds(1) }.WriteAsync(http);
        else
            try
            {
                await StreamAsync(http, engines, body);
            }
            finally
            {
                engines.Budget.Release(StreamBytes);
            }
    }

    static async Task StreamAsync(HttpContext http, EnginePool engines, StreamedBody body)
    {
        var answer = await engines.StreamAsync("analysis/analyze" + http.Request.QueryString, body, http.RequestAborted);
        if (answer is not null)
            await PassOnAsync(http, answer);
        else if (body.Refusal is { } refusal)
            await refusal.WriteAsync(http);
        else if (body.ClientFailure is { } failure)
            ExceptionDispatchInfo.Throw(failure);
        else if (body.IsBegun)
            await new Problem(503, "engine_lost", "The engine went away while the body was sent to it. Nothing was kept of the body: send it again.") { RetryAfter = TimeSpan.FromSeconds(1) }.WriteAsync(http);
        else
            await Unavailable.WriteAsync(http);
    }

    static async Task PassOnAsync(HttpContext http, HttpResponseMessage answer)
    {
        using (answer)
        {
            http.Response.StatusCode = (int)answer.StatusCode;
            http.Response.ContentType = answer.Content.Headers.ContentType?.ToString();
            if (answer.Headers.RetryAfter is { } wait)
                http.Response.Headers.RetryAfter = wait.ToString();
            await answer.Content.CopyToAsync(http.Response.Body, http.RequestAborted);
        }
    }
}
