using System.Text.Json;
using Pipeline.Contracts.Analysis;

namespace Pipeline.Processors.Analysis.Http;

/// <summary>How an outcome is told by HTTP: <c>{request_id, status, result | error, metadata}</c>; a single request that has no result, by problem details (RFC 9457).</summary>
static class AnalysisAnswer
{
    public static void Write(Utf8JsonWriter json, string? requestId, AnalysisOutcome outcome, bool withMetadata)
    {
        json.WriteStartObject();
        if (requestId is not null)
            json.WriteString("request_id", requestId);
        json.WriteString("status", (outcome.Fault is null ? TaskState.Completed : outcome.Fault.Reason == AnalysisFaultCode.Cancelled ? TaskState.Cancelled : TaskState.Abandoned).Name());
        if (outcome.Fault is { } fault)
        {
            Write(json, fault);
        }
        else
        {
            json.WritePropertyName("result");
            json.WriteRawValue(outcome.Result.Span, skipInputValidation: true);
        }
        // Without them an answer about stored events says nothing of whom it speaks.
        if ((withMetadata || outcome.Metadata?.Events is not null) && outcome.Metadata is { } metadata)
            Write(json, metadata);
        json.WriteEndObject();
    }

    /// <summary>With the members of Ingest's own problems, and the <c>error</c> that batches and tasks have.</summary>
    public static void WriteProblem(Utf8JsonWriter json, int status, string? requestId, AnalysisFault fault)
    {
        json.WriteStartObject();
        json.WriteString("type", $"urn:pipeline:problem:{fault.Code}");
        json.WriteString("title", Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(status));
        json.WriteNumber("status", status);
        json.WriteString("detail", fault.Message);
        json.WriteString("code", fault.Code);
        if (fault.Path.Length > 0)
            json.WriteString("parameter", fault.Path);
        if (requestId is not null)
            json.WriteString("request_id", requestId);
        Write(json, fault);
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, AnalysisFault fault)
    {
        json.WriteStartObject("error");
        json.WriteString("code", fault.Code);
        json.WriteString("message", fault.Message);
        json.WriteString("path", fault.Path);
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, AnalysisMetadata metadata)
    {
        json.WriteStartObject("metadata");
        json.WriteString("engine", metadata.Engine);
        json.WriteString("algorithm_version", metadata.AlgorithmVersion);
        json.WriteNumber("duration_ms", Math.Round(metadata.Duration.TotalMilliseconds, 3));
        json.WriteNumber("n", metadata.N);
        if (metadata.Worker is { } worker)
            json.WriteNumber("worker", worker);
        json.WriteBoolean("cached", metadata.IsCached);
        if (metadata.Attempts is { } attempts)
            json.WriteNumber("attempts", attempts);
        Write(json, "rows", metadata.Events?.Rows);
        Write(json, "users", metadata.Events?.Users);
        if (metadata.Events?.UserId is { } user)
            json.WriteString("user_id", user);
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, string name, IReadOnlyList<string>? texts)
    {
        if (texts is null)
            return;
        json.WriteStartArray(name);
        foreach (var text in texts)
            json.WriteStringValue(text);
        json.WriteEndArray();
    }

    /// <summary>What the request, its values or its algorithm are at fault for is 4xx; what may succeed later is 429, 503 or 504. Nothing that a client sends is a 500.</summary>
    public static int StatusOf(AnalysisFault? fault) => fault?.Reason switch
    {
        null => 200,
        AnalysisFaultCode.MalformedRequest or AnalysisFaultCode.InvalidRequest => 400,
        AnalysisFaultCode.UnknownAlgorithm => 404,
        AnalysisFaultCode.Cancelled => 409,
        AnalysisFaultCode.TooLarge => 413,
        AnalysisFaultCode.InvalidParameters or AnalysisFaultCode.InvalidInput or AnalysisFaultCode.TooFewValues or AnalysisFaultCode.NotAllowed
            or AnalysisFaultCode.AlgorithmFailed or AnalysisFaultCode.MemoryLimit => 422,
        AnalysisFaultCode.Overloaded => 429,
        AnalysisFaultCode.Timeout => 504,
        _ => 503,
    };
}
