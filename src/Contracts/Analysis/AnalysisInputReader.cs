using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Pipeline.Contracts.Events;

namespace Pipeline.Contracts.Analysis;

/// <summary>Reads <c>input</c>: exactly one of <c>values</c>, <c>columns</c>, <c>texts</c>, <c>f64le</c>, <c>events</c>. A null among numbers is NaN: a value that is missing.</summary>
static class AnalysisInputReader
{
    const string Kinds = "values, columns, texts, f64le, events";

    public static AnalysisInput? Read(ref Utf8JsonReader reader, string path)
    {
        var fields = new JsonFields(path);
        AnalysisInput? input = null;
        if (!fields.BeginOrNull(ref reader))
            return null;
        while (fields.Next(ref reader, out var name))
        {
            AnalysisInput? found = reader.TokenType == JsonTokenType.Null ? null : name switch
            {
                "values" => new ValuesInput(Numbers(ref reader, fields.At(name), AnalysisLimits.ValuesMax)),
                "columns" => Columns(ref reader, fields.At(name)),
                "texts" => new TextsInput(Texts(ref reader, fields.At(name))),
                "f64le" => new ValuesInput(Float64(ref reader, fields.At(name))),
                "events" => Events(ref reader, fields.At(name)),
                _ => throw fields.Unknown(Kinds),
            };
            if (found is not null && input is not null)
                throw JsonFields.Invalid(path, $"input holds one of {Kinds}, not two.");
            input ??= found;
        }
        return input ?? throw JsonFields.Invalid(path, $"input must hold one of {Kinds}.");
    }

    static double[] Numbers(ref Utf8JsonReader reader, string path, int most)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw JsonFields.Invalid(path, "An array of numbers is wanted.");
        var numbers = new List<double>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (numbers.Count == most)
                throw new AnalysisException(new AnalysisFault(AnalysisFaultCode.TooLarge, $"More than {AnalysisLimits.ValuesMax} numbers in one request; send them as float64.", path));
            var number = reader.TokenType switch
            {
                JsonTokenType.Null => double.NaN,
                JsonTokenType.Number => JsonNumbers.ToDouble(reader.ValueSpan),
                _ => throw JsonFields.Invalid($"{path}/{numbers.Count}", "This is not a number."),
            };
            if (double.IsInfinity(number))
                throw JsonFields.Invalid($"{path}/{numbers.Count}", "This number is outside the range of a 64-bit float.");
            numbers.Add(number);
        }
        return [.. numbers];
    }

    static ColumnsInput Columns(ref Utf8JsonReader reader, string path)
    {
        var fields = new JsonFields(path);
        var (names, columns, left) = (new List<string>(), new List<ReadOnlyMemory<double>>(), AnalysisLimits.ValuesMax);
        fields.Begin(ref reader);
        while (fields.Next(ref reader, out var name))
        {
            if (names.Count == AnalysisLimits.ColumnsMax)
                throw new AnalysisException(new AnalysisFault(AnalysisFaultCode.TooLarge, $"More than {AnalysisLimits.ColumnsMax} columns.", path));
            var column = Numbers(ref reader, fields.At(name), left);
            left -= column.Length;
            names.Add(name);
            columns.Add(column);
        }
        return names.Count > 0 ? new ColumnsInput(names, columns) : throw JsonFields.Invalid(path, "There is no column.");
    }

    static List<string> Texts(ref Utf8JsonReader reader, string path)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw JsonFields.Invalid(path, "An array of strings is wanted.");
        var texts = new List<string>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (texts.Count == AnalysisLimits.TextsMax)
                throw new AnalysisException(new AnalysisFault(AnalysisFaultCode.TooLarge, $"More than {AnalysisLimits.TextsMax} texts in one request.", path));
            texts.Add(reader.TokenType == JsonTokenType.String ? reader.GetString()! : throw JsonFields.Invalid($"{path}/{texts.Count}", "This is not a string."));
        }
        return texts;
    }

    /// <summary>Base64 (RFC 4648) of little-endian IEEE 754 binary64.</summary>
    static double[] Float64(ref Utf8JsonReader reader, string path)
    {
        if (reader.TokenType != JsonTokenType.String || !reader.TryGetBytesFromBase64(out var bytes))
            throw JsonFields.Invalid(path, "A string of base64 is wanted.");
        if (bytes.Length % sizeof(double) != 0)
            throw JsonFields.Invalid(path, $"{bytes.Length} bytes are no whole number of 8-byte floats.");
        return bytes.Length / sizeof(double) <= AnalysisLimits.ValuesMax ? FromLittleEndian(bytes)
            : throw new AnalysisException(new AnalysisFault(AnalysisFaultCode.TooLarge, $"More than {AnalysisLimits.ValuesMax} numbers in one request.", path));
    }

    static double[] FromLittleEndian(ReadOnlySpan<byte> bytes)
    {
        var values = new double[bytes.Length / sizeof(double)];
        if (BitConverter.IsLittleEndian)
            bytes.CopyTo(MemoryMarshal.AsBytes(values.AsSpan()));
        else
            for (var i = 0; i < values.Length; i++)
                values[i] = BinaryPrimitives.ReadDoubleLittleEndian(bytes[(i * sizeof(double))..]);
        return values;
    }

    static EventsInput Events(ref Utf8JsonReader reader, string path)
    {
        var fields = new JsonFields(path);
        string? metric = null, project = null, user = null, bucket = null;
        DateTimeOffset? from = null, to = null;
        fields.Begin(ref reader);
        while (fields.Next(ref reader, out var name))
        {
            switch (name)
            {
                case "metric": metric = fields.Text(ref reader, AnalysisLimits.MetricCharactersMax); break;
                case "project_id": project = fields.Text(ref reader, EventLimits.KeyCharactersMax); break;
                case "user_id": user = fields.Text(ref reader, EventLimits.KeyCharactersMax); break;
                case "from": from = fields.Time(ref reader); break;
                case "to": to = fields.Time(ref reader); break;
                case "bucket": bucket = fields.Text(ref reader, 16); break;
                default: throw fields.Unknown("metric, project_id, user_id, from, to, bucket");
            }
        }
        if (metric is null)
            throw JsonFields.Invalid($"{path}/metric", "metric is required.");
        if (from >= to)
            throw JsonFields.Invalid($"{path}/to", "to must be after from.");
        return new EventsInput(metric, project, user, from, to, bucket);
    }
}
