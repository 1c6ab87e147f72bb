using System.Text.Json;
using Pipeline.Contracts.Events;

namespace Pipeline.Contracts.Analysis;

/// <summary>Reads the fields of one JSON object by name, each once, and names the place of whatever is wrong by its JSON Pointer.</summary>
sealed class JsonFields(string path)
{
    readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    string _name = "";

    string Here => At(_name);

    public string At(string name) => $"{path}/{Escape(name)}";

    public static AnalysisException Invalid(string path, string message) => new(new AnalysisFault(AnalysisFaultCode.InvalidRequest, message, path));

    public AnalysisException Wrong(string wanted) => Invalid(Here, $"{NearNames.Shown(_name)} must be {wanted}.");

    public AnalysisException Unknown(string known) => Invalid(Here, $"This field is not known here; known are {known}.");

    public void Begin(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Invalid(path, path.Length == 0 ? "The request must be a JSON object." : $"{path[(path.LastIndexOf('/') + 1)..]} must be an object.");
    }

    /// <returns>False where the value is null, which is as if it were absent.</returns>
    public bool BeginOrNull(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null)
            return false;
        Begin(ref reader);
        return true;
    }

    /// <summary>Moves to the next field's value; false at the object's end.</summary>
    public bool Next(ref Utf8JsonReader reader, out string name)
    {
        name = "";
        reader.Read();
        if (reader.TokenType == JsonTokenType.EndObject)
            return false;
        name = _name = reader.GetString()!;
        if (!_seen.Add(name))
            throw Invalid(Here, "This field occurs twice.");
        reader.Read();
        return true;
    }

    /// <summary>1 to so many code points without control characters; null for null.</summary>
    public string? Text(ref Utf8JsonReader reader, int charactersMax)
    {
        if (reader.TokenType == JsonTokenType.Null)
            return null;
        if (reader.TokenType != JsonTokenType.String)
            throw Wrong("a string");
        var text = reader.GetString()!;
        var runes = text.EnumerateRunes().Count();
        return runes == 0 || runes > charactersMax || text.Any(char.IsControl) ? throw Wrong($"a string of 1 to {charactersMax} characters without control characters") : text;
    }

    public bool Flag(ref Utf8JsonReader reader) => reader.TokenType is JsonTokenType.True or JsonTokenType.False ? reader.GetBoolean() : throw Wrong("true or false");

    public double Number(ref Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.Number && JsonNumbers.ToDouble(reader.ValueSpan) is var number && double.IsFinite(number) ? number : throw Wrong("a number");

    /// <summary>An object as it stands; null for null.</summary>
    public JsonElement? Object(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null)
            return null;
        return reader.TokenType == JsonTokenType.StartObject ? JsonElement.ParseValue(ref reader) : throw Wrong("an object");
    }

    /// <summary>An offset can carry the first and the last times of the calendar out of it.</summary>
    static readonly long YearOneUs = (DateTimeOffset.MinValue - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond, YearTenThousandUs = (DateTimeOffset.MaxValue - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    public DateTimeOffset? Time(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null)
            return null;
        return reader.TokenType == JsonTokenType.String && !reader.ValueIsEscaped && Rfc3339.TryParse(reader.ValueSpan, out var us)
            && us >= YearOneUs && us < YearTenThousandUs ? DateTimeOffset.UnixEpoch.AddMicroseconds(us) : throw Wrong("a time of RFC 3339 with an offset, like 2024-01-01T00:00:00Z");
    }

    static string Escape(string name) => NearNames.Shown(name).Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);
}
