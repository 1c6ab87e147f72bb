using System.Text.Json;
using Pipeline.Contracts.Events;

namespace Pipeline.Contracts.Analysis;

/// <summary>A record of <c>analysis.results</c>.</summary>
/// <param name="State">Completed or abandoned; who cancels a task needs no result for it.</param>
/// <param name="Result">A JSON object, as text; null with a fault.</param>
/// <param name="ErrorCode">Of <see cref="AnalysisFaultCode"/>, or a later version's.</param>
/// <param name="Metadata">A JSON object, as text: how it was made.</param>
public sealed record AnalysisResult(string RequestId, TaskState State, string? Result, string? ErrorCode, string? ErrorMessage, string? ErrorPath, string? Metadata);

public static class AnalysisResultReader
{
    /// <summary>Reads a whole record value. Never throws for what the bytes hold.</summary>
    /// <returns>Null, or why it is no result.</returns>
    public static string? Read(ReadOnlyMemory<byte> json, out AnalysisResult? result)
    {
        result = null;
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = AnalysisLimits.DepthMax });
            if (document.RootElement is not { ValueKind: JsonValueKind.Object } root || Text(root, "request_id") is not { Length: > 0 } id || id.EnumerateRunes().Count() > AnalysisLimits.RequestIdCharactersMax)
                return "A result is an object with a request_id.";
            var state = Text(root, "status") is { } status ? TaskStates.Parse(status) : TaskState.None;
            if (state is not (TaskState.Completed or TaskState.Abandoned))
                return "status must be completed or abandoned.";
            var (value, error) = (Object(root, "result"), root.TryGetProperty("error", out var found) && found.ValueKind == JsonValueKind.Object ? found : (JsonElement?)null);
            if (state == TaskState.Completed && value is null)
                return "A completed request has a result.";
            if (state == TaskState.Abandoned && (error is null || Text(error.Value, "code") is null))
                return "An abandoned request has an error with a code.";
            result = new AnalysisResult(id, state, value, error is { } e ? Text(e, "code") : null, error is { } m ? Text(m, "message") ?? "" : null, error is { } p ? Text(p, "path") ?? "" : null, Metadata(root));
            return null;
        }
        catch (JsonException e)
        {
            return $"The result is not valid JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}).";
        }
        catch (InvalidOperationException)
        {
            return "A string holds half of a surrogate pair.";
        }
    }

    /// <summary>Statistics and erasures read it as it stands: one that they could not read is left out, and not what the request came to.</summary>
    static string? Metadata(JsonElement root) => Object(root, "metadata") is { } text && JsonStrings.HasOnlyScalarEscapes(System.Text.Encoding.UTF8.GetBytes(text)) && HasFiniteNumbers(root.GetProperty("metadata"))
        && (!root.GetProperty("metadata").TryGetProperty("duration_ms", out var duration) || duration.ValueKind == JsonValueKind.Number) ? text : null;

    /// <summary>PostgreSQL's jsonb refuses a number of more than 131,072 digits, which 1e999999 has.</summary>
    static bool HasFiniteNumbers(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Number => json.TryGetDouble(out var number) && double.IsFinite(number),
        JsonValueKind.Array => json.EnumerateArray().All(HasFiniteNumbers),
        JsonValueKind.Object => json.EnumerateObject().All(p => HasFiniteNumbers(p.Value)),
        _ => true,
    };

    static string? Text(JsonElement parent, string name) => parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    static string? Object(JsonElement parent, string name) => parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object ? value.GetRawText() : null;
}
