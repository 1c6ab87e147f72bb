using System.Buffers;
using System.Text.Json;
using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Analysis.Python;

namespace Pipeline.Processors.Analysis;

/// <summary>What Python workers answer, in the terms of the engine.</summary>
static class PythonAnswers
{
    public static AnalysisFault Fault(PythonError error) => new(error.Code switch
    {
        PythonErrorCode.UnknownAlgorithm => AnalysisFaultCode.UnknownAlgorithm,
        PythonErrorCode.InvalidParameters => AnalysisFaultCode.InvalidParameters,
        PythonErrorCode.InvalidInput => AnalysisFaultCode.InvalidInput,
        PythonErrorCode.InputTooLarge or PythonErrorCode.ResultTooLarge => AnalysisFaultCode.TooLarge,
        PythonErrorCode.AlgorithmFailed => AnalysisFaultCode.AlgorithmFailed,
        PythonErrorCode.Timeout => AnalysisFaultCode.Timeout,
        PythonErrorCode.MemoryLimit => AnalysisFaultCode.MemoryLimit,
        PythonErrorCode.Busy => AnalysisFaultCode.Overloaded,
        PythonErrorCode.Unavailable => AnalysisFaultCode.Unavailable,
        PythonErrorCode.Cancelled => AnalysisFaultCode.Cancelled,
        // The worker's end, whatever it sent before: the same call may end well in another one.
        _ => AnalysisFaultCode.WorkerCrashed,
    }, error.Message, error.Code switch
    {
        PythonErrorCode.UnknownAlgorithm => "/algorithm",
        PythonErrorCode.InvalidParameters => $"/parameters{error.Path}",
        PythonErrorCode.InvalidInput or PythonErrorCode.InputTooLarge => "/input",
        _ => "",
    });

    /// <summary>The result's JSON with its arrays in their places.</summary>
    public static ReadOnlyMemory<byte> Json(PythonResult result)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using var json = new Utf8JsonWriter(buffer);
        Write(json, result.Json, result.Arrays);
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    static void Write(Utf8JsonWriter json, JsonElement value, IReadOnlyList<PythonArray> arrays)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object when value.TryGetProperty("$array", out var index) && value.GetPropertyCount() == 1:
                Write(json, arrays[index.GetInt32()]);
                break;
            case JsonValueKind.Object:
                json.WriteStartObject();
                foreach (var field in value.EnumerateObject())
                {
                    json.WritePropertyName(field.Name);
                    Write(json, field.Value, arrays);
                }
                json.WriteEndObject();
                break;
            case JsonValueKind.Array:
                json.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                    Write(json, item, arrays);
                json.WriteEndArray();
                break;
            default:
                value.WriteTo(json);
                break;
        }
    }

    static void Write(Utf8JsonWriter json, PythonArray array)
    {
        var columns = array.Shape[^1];
        json.WriteStartArray();
        for (var at = 0; at < array.Values.Length; at++)
        {
            if (array.Shape.Length == 2 && at % columns == 0)
                json.WriteStartArray();
            if (double.IsFinite(array.Values[at]))
                json.WriteNumberValue(array.Values[at]);
            else
                json.WriteNullValue();
            if (array.Shape.Length == 2 && at % columns == columns - 1)
                json.WriteEndArray();
        }
        json.WriteEndArray();
    }
}
