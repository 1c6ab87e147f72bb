using System.Buffers;
using System.Text.Json;

namespace Pipeline.Sinks.Influx;

/// <summary>
/// A script and its parameters. What a caller gave is never part of the script: it comes as options of a file of its own, in the form of Flux's
/// syntax tree, which InfluxDB takes as <c>extern</c>.
/// </summary>
sealed class FluxScript(string text)
{
    readonly List<Action<Utf8JsonWriter>> _options = [];

    public FluxScript With(string name, string value) => With(name, "StringLiteral", json => json.WriteString("value", value));

    public FluxScript With(string name, DateTime value) => With(name, "DateTimeLiteral", json => json.WriteString("value", value));

    /// <param name="value">Whole seconds.</param>
    public FluxScript With(string name, TimeSpan value) => With(name, "DurationLiteral", json =>
    {
        json.WriteStartArray("values");
        json.WriteStartObject();
        json.WriteNumber("magnitude", (long)value.TotalSeconds);
        json.WriteString("unit", "s");
        json.WriteEndObject();
        json.WriteEndArray();
    });

    /// <summary>The body of <c>/api/v2/query</c>.</summary>
    public byte[] Body()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("query", text);
            json.WriteStartObject("extern");
            json.WriteString("type", "File");
            json.WriteStartArray("imports");
            json.WriteEndArray();
            json.WriteStartArray("body");
            foreach (var option in _options)
                option(json);
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    FluxScript With(string name, string type, Action<Utf8JsonWriter> write)
    {
        _options.Add(json =>
        {
            json.WriteStartObject();
            json.WriteString("type", "OptionStatement");
            json.WriteStartObject("assignment");
            json.WriteString("type", "VariableAssignment");
            json.WriteStartObject("id");
            json.WriteString("type", "Identifier");
            json.WriteString("name", name);
            json.WriteEndObject();
            json.WriteStartObject("init");
            json.WriteString("type", type);
            write(json);
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndObject();
        });
        return this;
    }
}
