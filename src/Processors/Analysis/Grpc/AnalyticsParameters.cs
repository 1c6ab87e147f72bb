using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Pipeline.Contracts.Analysis;

namespace Pipeline.Processors.Analysis.Grpc;

/// <summary>Parameters that come as strings, read as what the algorithm's JSON Schema wants of each: <c>"2"</c> is 2 where it wants a number.</summary>
static class AnalyticsParameters
{
    static readonly JsonDocumentOptions Reading = new() { MaxDepth = AnalysisLimits.DepthMax };

    /// <summary>Where the schema names no type a string stays one: what is wrong with it is for the engine to say.</summary>
    /// <exception cref="AnalysisException">A string is none of the types.</exception>
    public static JsonElement? Read(IReadOnlyDictionary<string, string> given, JsonElement? schema)
    {
        if (given.Count == 0)
            return null;
        var parameters = new JsonObject();
        foreach (var (name, text) in given)
            parameters[name] = schema is { } s && Property(s, name) is { } wanted ? Value(name, text, Types(wanted)) : text;
        return JsonSerializer.SerializeToElement(parameters);
    }

    static JsonElement? Property(JsonElement schema, string name) =>
        schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty("properties", out var all) && all.ValueKind == JsonValueKind.Object && all.TryGetProperty(name, out var one)
            && one.ValueKind == JsonValueKind.Object ? one : null;

    /// <summary>One type, several, or none.</summary>
    static List<string> Types(JsonElement schema)
    {
        if (schema.TryGetProperty("type", out var type))
            return type.ValueKind == JsonValueKind.Array ? [.. type.EnumerateArray().Select(t => t.ToString())] : [type.ToString()];
        foreach (var word in new[] { "anyOf", "oneOf" })
            if (schema.TryGetProperty(word, out var any) && any.ValueKind == JsonValueKind.Array)
                return [.. any.EnumerateArray().Where(s => s.ValueKind == JsonValueKind.Object).SelectMany(Types)];
        return [];
    }

    static JsonNode? Value(string name, string text, List<string> types)
    {
        var bare = text.Trim();
        foreach (var type in types.Where(t => t != "string"))
            if (TryRead(bare, type, out var value))
                return value;
        return types.Count == 0 || types.Contains("string") ? JsonValue.Create(text)
            : throw new AnalysisException(new AnalysisFault(AnalysisFaultCode.InvalidParameters, $"{name} must be of type {string.Join(" or ", types)}.", "/parameters/" + name));
    }

    static bool TryRead(string text, string type, out JsonNode? value)
    {
        value = type switch
        {
            "integer" when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => JsonValue.Create(whole),
            // 2.0 and 1e3 are integers, too.
            "integer" when Number(text) is { } number && Math.Abs(number) < 1L << 53 && Math.Floor(number) == number => JsonValue.Create((long)number),
            "number" when Number(text) is { } number => JsonValue.Create(number),
            // Python writes them with a capital.
            "boolean" when bool.TryParse(text, out var flag) => JsonValue.Create(flag),
            "array" => Json(text, JsonValueKind.Array),
            "object" => Json(text, JsonValueKind.Object),
            _ => null,
        };
        return value is not null || (type == "null" && text is ("null" or "None"));
    }

    static double? Number(string text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;

    static JsonNode? Json(string text, JsonValueKind kind)
    {
        try
        {
            return JsonNode.Parse(text, documentOptions: Reading) is { } node && node.GetValueKind() == kind ? node : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
