using System.Text.Json;
using System.Text.Json.Nodes;
using Pipeline.Contracts;
using Pipeline.Contracts.Analysis;

namespace Pipeline.Processors.Analysis.Native;

enum ParameterType { Integer, Number, Boolean, Text, Numbers, Matrix }

/// <summary>One parameter of a native algorithm: what is told of it and how it is read come from the same lines.</summary>
/// <param name="Default">What an absent one is; null: it may be absent, or must be there if <see cref="IsRequired"/>.</param>
sealed record Parameter(string Name, ParameterType Type, string Summary, object? Default = null)
{
    public bool IsRequired { get; init; }
    public double? Minimum { get; init; }
    public double? Maximum { get; init; }
    public double? ExclusiveMinimum { get; init; }
    public string[]? Choices { get; init; }

    public JsonObject Schema()
    {
        var schema = new JsonObject { ["type"] = Type switch { ParameterType.Integer => "integer", ParameterType.Number => "number", ParameterType.Boolean => "boolean", ParameterType.Text => "string", _ => "array" } };
        if (Type == ParameterType.Numbers)
            schema["items"] = new JsonObject { ["type"] = "number" };
        if (Type == ParameterType.Matrix)
            schema["items"] = new JsonObject { ["type"] = "array", ["items"] = new JsonObject { ["type"] = "number" } };
        schema["description"] = Summary;
        if (Choices is not null)
            schema["enum"] = new JsonArray([.. Choices.Select(c => JsonValue.Create(c))]);
        // The limits of an array are those of its items.
        var limited = Type == ParameterType.Numbers ? schema["items"]!.AsObject() : schema;
        foreach (var (keyword, limit) in ((string, double?)[])[("minimum", Minimum), ("maximum", Maximum), ("exclusiveMinimum", ExclusiveMinimum)])
            if (limit is { } value)
                limited[keyword] = value;
        if (Default is not null)
            schema["default"] = Default is double[] numbers ? new JsonArray([.. numbers.Select(n => JsonValue.Create(n))]) : JsonValue.Create(Default);
        return schema;
    }

    public object Read(JsonElement given) => Type switch
    {
        ParameterType.Integer => (object)Integer(given),
        ParameterType.Number => Number(given, ""),
        ParameterType.Boolean => given.ValueKind is JsonValueKind.True or JsonValueKind.False ? given.GetBoolean() : throw Wrong("true or false"),
        ParameterType.Text => Text(given),
        ParameterType.Numbers => Numbers(given),
        _ => Matrix(given),
    };

    AnalysisException Wrong(string wanted, string place = "") =>
        new(new AnalysisFault(AnalysisFaultCode.InvalidParameters, $"{Name} must be {wanted}.", $"/parameters/{Name}{place}"));

    int Integer(JsonElement given)
    {
        // 2.0 is an integer to JSON Schema.
        var number = Number(given, "");
        return number == Math.Truncate(number) && Math.Abs(number) <= int.MaxValue ? (int)number : throw Wrong("a whole number");
    }

    double Number(JsonElement given, string place)
    {
        if (given.ValueKind != JsonValueKind.Number || !given.TryGetDouble(out var number) || !double.IsFinite(number))
            throw Wrong("a number", place);
        if (number < Minimum || number > Maximum || number <= ExclusiveMinimum)
            throw Wrong(Limits(), place);
        return number;
    }

    string Limits() => (Minimum, ExclusiveMinimum, Maximum) switch
    {
        ({ } low, _, { } high) => FormattableString.Invariant($"from {low} to {high}"),
        (_, { } above, { } high) => FormattableString.Invariant($"above {above} and at most {high}"),
        ({ } low, _, _) => FormattableString.Invariant($"at least {low}"),
        (_, { } above, _) => FormattableString.Invariant($"above {above}"),
        _ => FormattableString.Invariant($"at most {Maximum}"),
    };

    string Text(JsonElement given)
    {
        var text = given.ValueKind == JsonValueKind.String ? given.GetString()! : throw Wrong("a string");
        return Choices is null || Choices.Contains(text) ? text : throw Wrong($"one of {string.Join(", ", Choices)}");
    }

    double[] Numbers(JsonElement given)
    {
        if (given.ValueKind != JsonValueKind.Array || given.GetArrayLength() == 0)
            throw Wrong("an array of numbers");
        var at = 0;
        return [.. given.EnumerateArray().Select(n => Number(n, $"/{at++}"))];
    }

    /// <summary>Rows of one length, row by row in one array. A null is NaN.</summary>
    NumberMatrix Matrix(JsonElement given)
    {
        if (given.ValueKind != JsonValueKind.Array || given.GetArrayLength() == 0 || given[0].ValueKind != JsonValueKind.Array)
            throw Wrong("an array of rows, each an array of numbers");
        var (rows, columns) = (given.GetArrayLength(), given[0].GetArrayLength());
        if ((long)rows * columns > AnalysisLimits.ValuesMax)
            throw new AnalysisException(new AnalysisFault(AnalysisFaultCode.TooLarge, $"{Name} has more than {AnalysisLimits.ValuesMax} numbers.", $"/parameters/{Name}"));
        var values = new double[rows * columns];
        var (row, at) = (0, 0);
        foreach (var line in given.EnumerateArray())
        {
            if (line.ValueKind != JsonValueKind.Array || line.GetArrayLength() != columns)
                throw Wrong($"an array of rows of one length; the first has {columns} numbers", $"/{row}");
            var column = 0;
            foreach (var number in line.EnumerateArray())
                values[at++] = number.ValueKind == JsonValueKind.Null ? double.NaN : Number(number, $"/{row}/{column++}");
            row++;
        }
        return new NumberMatrix(rows, columns, values);
    }
}

/// <summary>Row by row.</summary>
sealed record NumberMatrix(int Rows, int Columns, double[] Values);

/// <summary>The parameters of an algorithm, and how an object of them is read.</summary>
sealed class ParameterSet(params Parameter[] parameters)
{
    public JsonElement Schema { get; } = JsonSerializer.SerializeToElement(new JsonObject
    {
        ["type"] = "object",
        ["properties"] = new JsonObject(parameters.Select(p => KeyValuePair.Create(p.Name, (JsonNode?)p.Schema()))),
        ["required"] = new JsonArray([.. parameters.Where(p => p.IsRequired).Select(p => JsonValue.Create(p.Name))]),
        ["additionalProperties"] = false,
    });

    /// <exception cref="AnalysisException">With the path of what is wrong.</exception>
    public Arguments Read(JsonElement? given)
    {
        var values = new Dictionary<string, object>(StringComparer.Ordinal);
        if (given is { } json)
            foreach (var property in json.EnumerateObject())
            {
                var parameter = Array.Find(parameters, p => p.Name == property.Name)
                    ?? throw Fault($"There is no parameter {NearNames.Shown(property.Name)}; known are {string.Join(", ", parameters.Select(p => p.Name))}.", property.Name);
                if (property.Value.ValueKind != JsonValueKind.Null && !values.TryAdd(property.Name, parameter.Read(property.Value)))
                    throw Fault($"{property.Name} is given twice.", property.Name);
            }
        foreach (var parameter in parameters)
            if (!values.ContainsKey(parameter.Name))
            {
                if (parameter.IsRequired)
                    throw Fault($"{parameter.Name} is required: {parameter.Summary}", parameter.Name);
                if (parameter.Default is { } value)
                    values[parameter.Name] = value;
            }
        return new Arguments(values);
    }

    static AnalysisException Fault(string message, string name) => new(new AnalysisFault(AnalysisFaultCode.InvalidParameters, message, $"/parameters/{NearNames.Shown(name)}"));
}

/// <summary>Parameters of one call, checked and with their defaults.</summary>
sealed class Arguments(IReadOnlyDictionary<string, object> values)
{
    public int Integer(string name) => (int)values[name];

    public double Number(string name) => Convert.ToDouble(values[name], System.Globalization.CultureInfo.InvariantCulture);

    public double? NumberOrNone(string name) => values.TryGetValue(name, out var value) ? Convert.ToDouble(value, System.Globalization.CultureInfo.InvariantCulture) : null;

    public bool Flag(string name) => (bool)values[name];

    public string Text(string name) => (string)values[name];

    public string? TextOrNone(string name) => (string?)values.GetValueOrDefault(name);

    public double[] Numbers(string name) => (double[])values[name];

    public double[]? NumbersOrNone(string name) => (double[]?)values.GetValueOrDefault(name);

    public NumberMatrix Matrix(string name) => (NumberMatrix)values[name];
}
