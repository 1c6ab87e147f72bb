using System.Text.Json;
using System.Text.Unicode;
using Pipeline.Contracts.Events;

namespace Pipeline.Contracts.Analysis;

/// <summary>
/// Reads and checks one request. The same code decides at Ingest, in the engine and in the processors, so that what was accepted is never
/// malformed later. What depends on the algorithm (its name, its parameters' schema, how many values it needs) is the engine's to check.
/// </summary>
public static class AnalysisRequestReader
{
    static readonly JsonReaderOptions ReaderOptions = new() { MaxDepth = AnalysisLimits.DepthMax };

    /// <summary>Reads a whole body or record value as one request. Never throws for what the bytes hold.</summary>
    /// <returns>Null, or the first fault with its path.</returns>
    public static AnalysisFault? Read(ReadOnlySpan<byte> json, out AnalysisRequest? request)
    {
        request = null;
        if (!Utf8.IsValid(json))
            return new AnalysisFault(AnalysisFaultCode.MalformedRequest, "The request's bytes are not valid UTF-8.");
        if (!JsonStrings.HasOnlyScalarEscapes(json))
            return new AnalysisFault(AnalysisFaultCode.MalformedRequest, "A string holds \\u0000 or half of a surrogate pair.");
        try
        {
            var reader = new Utf8JsonReader(json, ReaderOptions);
            reader.Read();
            var whole = Request(ref reader);
            if (reader.Read())
                return new AnalysisFault(AnalysisFaultCode.MalformedRequest, "Something follows the request.");
            request = whole;
            return null;
        }
        catch (JsonException e)
        {
            return new AnalysisFault(AnalysisFaultCode.MalformedRequest, $"The request is not valid JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}), or nested deeper than {AnalysisLimits.DepthMax} levels.");
        }
        catch (AnalysisException e)
        {
            return e.Fault;
        }
    }

    static AnalysisRequest Request(ref Utf8JsonReader reader)
    {
        var fields = new JsonFields("");
        string? requestId = null, algorithm = null;
        JsonElement? parameters = null;
        AnalysisInput? input = null;
        var (priority, options, seconds) = (AnalysisPriority.Normal, (AnalysisOptions?)null, (int?)null);
        fields.Begin(ref reader);
        while (fields.Next(ref reader, out var name))
        {
            switch (name)
            {
                case "request_id": requestId = fields.Text(ref reader, AnalysisLimits.RequestIdCharactersMax); break;
                case "algorithm": algorithm = fields.Text(ref reader, AnalysisLimits.AlgorithmCharactersMax); break;
                case "parameters": parameters = fields.Object(ref reader); break;
                case "priority": priority = Priority(ref reader, fields); break;
                case "input": input = AnalysisInputReader.Read(ref reader, fields.At(name)); break;
                case "options": options = Options(ref reader, fields.At(name)); break;
                case "timeout_seconds": seconds = TimeoutMs(ref reader, fields, 1000); break;
                default: throw fields.Unknown("request_id, algorithm, parameters, priority, input, options, timeout_seconds");
            }
        }
        if (algorithm is null)
            throw JsonFields.Invalid("/algorithm", "algorithm is required.");
        options ??= AnalysisOptions.Default;
        return new AnalysisRequest(requestId, algorithm, parameters, priority, input, seconds is { } ms ? options with { TimeoutMs = ms } : options);
    }

    static AnalysisPriority Priority(ref Utf8JsonReader reader, JsonFields fields) => fields.Text(ref reader, 16) is not { } name ? AnalysisPriority.Normal
        : AnalysisPriorities.TryParse(name, out var priority) ? priority : throw fields.Wrong("high, normal or low");

    static AnalysisOptions Options(ref Utf8JsonReader reader, string path)
    {
        var fields = new JsonFields(path);
        var options = AnalysisOptions.Default;
        if (!fields.BeginOrNull(ref reader))
            return options;
        while (fields.Next(ref reader, out var name))
        {
            options = name switch
            {
                "prefer_native" => options with { PreferNative = fields.Flag(ref reader) },
                "allow_python" => options with { AllowPython = fields.Flag(ref reader) },
                "include_metadata" => options with { IncludeMetadata = fields.Flag(ref reader) },
                "timeout_ms" => options with { TimeoutMs = TimeoutMs(ref reader, fields, 1) },
                _ => throw fields.Unknown("prefer_native, allow_python, timeout_ms, include_metadata"),
            };
        }
        return options;
    }

    static int TimeoutMs(ref Utf8JsonReader reader, JsonFields fields, int unitMs)
    {
        var ms = fields.Number(ref reader) * unitMs;
        return ms is >= 1 and <= AnalysisLimits.TimeoutMsMax ? (int)ms : throw fields.Wrong($"a time of 1 ms to {AnalysisLimits.TimeoutMsMax / 3_600_000} h");
    }
}
