using System.Text.Json;

namespace Pipeline.Contracts.Analysis;

/// <summary>Finds the requests of a batch, <c>{"requests": [ … ]}</c>, without reading them: each is read on its own and has its own fault.</summary>
public static class AnalysisBatchReader
{
    public const int RequestsMax = 1000;

    /// <param name="requests">Where each request's bytes are.</param>
    /// <returns>Null, or why the batch as a whole cannot be used.</returns>
    public static AnalysisFault? Read(ReadOnlySpan<byte> json, out List<Range> requests)
    {
        requests = [];
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = AnalysisLimits.DepthMax + 2 });
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
                return Invalid("A batch is an object with the field requests.");
            while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
            {
                if (!reader.ValueTextEquals("requests"u8) || requests.Count > 0)
                    return Invalid("A batch has one field, requests.");
                reader.Read();
                if (reader.TokenType != JsonTokenType.StartArray)
                    return Invalid("requests must be an array.", "/requests");
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    if (requests.Count == RequestsMax)
                        return new AnalysisFault(AnalysisFaultCode.TooLarge, $"More than {RequestsMax} requests in one batch.", "/requests");
                    var start = (int)reader.TokenStartIndex;
                    reader.Skip();
                    requests.Add(start..(int)reader.BytesConsumed);
                }
            }
            if (reader.Read())
                return new AnalysisFault(AnalysisFaultCode.MalformedRequest, "Something follows the batch.");
            return requests.Count > 0 ? null : Invalid("There is no request.", "/requests");
        }
        catch (JsonException e)
        {
            return new AnalysisFault(AnalysisFaultCode.MalformedRequest, $"The batch is not valid JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}), or nested too deep.");
        }
    }

    static AnalysisFault Invalid(string message, string path = "") => new(AnalysisFaultCode.InvalidRequest, message, path);
}
