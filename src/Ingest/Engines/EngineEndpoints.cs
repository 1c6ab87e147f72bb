using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Pipeline.Ingest.Events;

namespace Pipeline.Ingest.Engines;

/// <summary>Analyses by HTTP: the body goes to an engine as it is, the engine's answer to the client.</summary>
static class EngineEndpoints
{
    public static void MapEngines(this IEndpointRouteBuilder api)
    {
        api.MapPost("analyze", (HttpContext http, EnginePool engines, IOptions<EngineOptions> options) => PostAsync(http, "analysis/analyze", engines, options.Value))
            .WithName("Analyze").WithSummary("Execute one analysis and wait for its result").ProducesProblems(413, 415, 501, 503);
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
            await new Problem(501, "analysis_not_configured", "No engine is configured here (Pipeline:Analysis:Engines).").WriteAsync(http);
            return;
        }
        var answer = await engines.AskAsync(path, body, http.RequestAborted);
        if (answer is null)
        {
            await new Problem(503, "engine_unavailable", "No engine answered; /health says which and why.") { RetryAfter = TimeSpan.FromSeconds(1) }.WriteAsync(http);
            return;
        }
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
