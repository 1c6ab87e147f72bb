using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Pipeline.Contracts;
using Pipeline.Contracts.Analysis;

namespace Pipeline.Processors.Analysis.Http;

/// <summary>What the query of a float64 body says: the request without its numbers, and the names of the columns, which follow one another in the body.</summary>
/// <param name="Columns">Null for one series of plain values.</param>
sealed record Float64Request(AnalysisRequest Request, IReadOnlyList<string>? Columns)
{
    public const string ContentType = "application/x-float64";

    static readonly string[] Known = ["algorithm", "parameters", "columns", "options", "request_id"];

    public int ColumnCount => Columns?.Count ?? 1;

    public static bool Is(string? contentType) => contentType?.Split(';', 2)[0].Trim().Equals(ContentType, StringComparison.OrdinalIgnoreCase) == true;

    /// <exception cref="AnalysisException">The query is no request.</exception>
    public static Float64Request Read(IQueryCollection query)
    {
        foreach (var (name, values) in query)
            if (!Known.Contains(name) || values.Count != 1)
                throw Invalid(name, Known.Contains(name) ? "This parameter occurs twice." : $"This parameter is not known here; known are {string.Join(", ", Known)}.");
        // The same reader as for JSON, so that what is wrong has the same codes and places.
        return AnalysisRequestReader.Read(Json(query), out var request) is { } fault ? throw new AnalysisException(fault)
            : new Float64Request(request!, query["columns"] is [{ } columns] ? Names(columns) : null);
    }

    static ReadOnlySpan<byte> Json(IQueryCollection query)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        foreach (var name in (string[])["algorithm", "request_id"])
            if (query[name] is [{ } text])
                json.WriteString(name, text);
        foreach (var name in (string[])["parameters", "options"])
        {
            if (query[name] is not [{ } text])
                continue;
            json.WritePropertyName(name);
            try
            {
                json.WriteRawValue(text);
            }
            catch (JsonException)
            {
                throw new AnalysisException(new AnalysisFault(AnalysisFaultCode.MalformedRequest, $"{name} is not valid JSON.", "/" + name));
            }
        }
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan;
    }

    /// <summary>Names, or their number, by which they are <c>c0</c>, <c>c1</c>, ….</summary>
    static string[] Names(string columns)
    {
        if (int.TryParse(columns, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
            return count is >= 1 and <= AnalysisLimits.ColumnsMax ? [.. Enumerable.Range(0, count).Select(i => $"c{i}")] : throw Invalid("columns", $"There can be 1 to {AnalysisLimits.ColumnsMax} columns.");
        var names = columns.Split(',', StringSplitOptions.TrimEntries);
        if (names.Any(n => n.Length == 0) || names.Distinct(StringComparer.Ordinal).Count() < names.Length || names.Length > AnalysisLimits.ColumnsMax)
            throw Invalid("columns", $"columns must be 1 to {AnalysisLimits.ColumnsMax} different names with commas between them, or their number.");
        return names;
    }

    static AnalysisException Invalid(string name, string message) => new(new AnalysisFault(AnalysisFaultCode.InvalidRequest, message, "/" + NearNames.Shown(name)));

    /// <param name="values">Column after column.</param>
    public AnalysisRequest With(ReadOnlyMemory<double> values)
    {
        if (Columns is null)
            return Request with { Input = new ValuesInput(values) };
        var rows = values.Length / Columns.Count;
        return Request with { Input = new ColumnsInput(Columns, [.. Columns.Select((_, i) => values.Slice(i * rows, rows))]) };
    }
}
