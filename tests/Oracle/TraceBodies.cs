using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Pipeline.Oracle;

/// <summary>The JSON of the traces' events: every type, with each optional field absent, null or there.</summary>
sealed class TraceBodies
{
    /// <summary>U+FF41 sorts before an emoji by UTF-8 and after it by UTF-16; the last one needs every escape of our formats.</summary>
    static readonly string[] UserNames = ["anna", "Anna", "zoë", "ａnna", "😀", "李", new('é', 128), "a;b%c d=e,\"f\\g'"];
    static readonly string[] ProjectNames = ["p", "проект", "🗂️ p;%", "P"];
    static readonly string[] Objects = ["o1", "o2", "o3", "ö4", "🧩"];
    static readonly string[] Tasks = ["t1", "t2", "t3", "задача"];
    static readonly string[] Tools = ["brush", "polygon", "Ж-tool"];
    static readonly string[] AnnotationTypes = ["box", "polygon", "текст"];

    /// <summary>In ms: ties at half a µs that float64 holds exactly, the largest one in range and the smallest above it, and one that is no whole µs.</summary>
    static readonly string[] Durations =
        ["0", "0.0004", "0.0625", "0.1875", "1.5", "12.345", "250", "1e3", "4200.75", "9999.999", "10000", "95000", "600000", "1.8E6", "1800000.001", "1800001", "7200000"];

    static readonly string[] DurationsBelowZero = ["-1", "-0.5", "-1800000"];

    static readonly JsonSerializerOptions Escaped = new();
    static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    readonly Random _random;
    readonly string[] _projects;

    public TraceBodies(Random random)
    {
        _random = random;
        Users = [.. UserNames.OrderBy(_ => random.Next()).Take(4)];
        _projects = [.. ProjectNames.OrderBy(_ => random.Next()).Take(3)];
    }

    public string[] Users { get; }

    public byte[] Json(Guid id, string user, string timestamp)
    {
        var (type, fields) = Body();
        var json = new JsonObject
        {
            ["event_id"] = _random.Next(4) == 0 ? id.ToString("D").ToUpperInvariant() : id.ToString("D"),
            ["event_type"] = type, ["timestamp"] = timestamp, ["user_id"] = user, ["project_id"] = Pick(_projects), ["data"] = fields,
        };
        Maybe(json, "tool", () => Pick(Tools));
        Maybe(json, "session_id", () => Pick(["s1", "s2"]));
        Maybe(json, "task_id", () => Pick(Tasks));
        Maybe(json, "metadata", () => new JsonObject { ["tool"] = "not the tool", ["duration"] = 5 });
        return Encoding.UTF8.GetBytes(json.ToJsonString(_random.Next(2) == 0 ? Escaped : Plain));
    }

    (string Type, JsonObject Fields) Body() => _random.Next(20) switch
    {
        < 9 => ("annotation", Annotation()),
        < 12 => ("task_status", TaskStatus()),
        < 15 => ("tool_efficiency", ToolEfficiency()),
        < 17 => ("user_interaction", UserInteraction()),
        17 => ("performance", Performance()),
        18 => ("error", Error()),
        _ => ("backend_computation", new JsonObject { ["type"] = "create", ["duration"] = Number("5000"), ["objectId"] = Pick(Objects), ["fps"] = 1 }),
    };

    JsonObject Annotation()
    {
        var fields = new JsonObject
        {
            ["type"] = Pick(["start", "create", "create", "complete", "complete", "save", "save", "update", "modify", "delete"]),
            ["annotationType"] = Pick(AnnotationTypes), ["duration"] = Number(Pick(Durations)), ["success"] = _random.Next(4) > 0,
        };
        Maybe(fields, "objectId", () => Pick(Objects));
        Maybe(fields, "source", () => Pick(["manual", "model", "model", "imported"]));
        return fields;
    }

    JsonObject TaskStatus()
    {
        var fields = new JsonObject
        {
            ["type"] = Pick(["start", "pause", "resume", "complete", "complete", "submit", "submit", "submit", "modify", "modify", "skip", "mark_valid"]),
            ["taskId"] = Pick(Tasks),
        };
        Maybe(fields, "duration", AnyDuration);
        Maybe(fields, "success", () => _random.Next(2) == 0);
        return fields;
    }

    JsonObject ToolEfficiency() => new()
    {
        // The tool of a figure is the event's own, never this one.
        ["tool"] = Pick(["data-tool", "brush"]),
        ["action"] = Pick(["undo", "undo", "load", "load", "frame_switch", "frame_switch", "save", "save", "hotkey", "draw_start", "model_run"]),
        ["duration"] = AnyDuration(), ["success"] = _random.Next(4) > 0,
    };

    JsonObject UserInteraction()
    {
        var fields = new JsonObject { ["action"] = Pick(["click", "undo", "save", "scroll"]) };
        Maybe(fields, "duration", AnyDuration);
        Maybe(fields, "count", () => 3);
        return fields;
    }

    JsonObject Performance()
    {
        var fields = new JsonObject();
        Maybe(fields, "fps", () => Number(Pick(["0", "7.5", "24", "29.97", "59.94", "60", "144", "1e6", "1000001", "-1"])));
        Maybe(fields, "memory_usage", () => 512);
        Maybe(fields, "duration", () => Number("600000"));
        return fields;
    }

    JsonObject Error()
    {
        var fields = new JsonObject { ["type"] = Pick(["network", "save"]), ["message"] = "was ist los? 💥" };
        Maybe(fields, "duration", () => Number("-3"));
        return fields;
    }

    JsonNode AnyDuration() => Number(Pick(_random.Next(5) == 0 ? DurationsBelowZero : Durations));

    /// <summary>With a JSON number's own spelling.</summary>
    static JsonNode Number(string text) => JsonNode.Parse(text)!;

    void Maybe(JsonObject to, string field, Func<JsonNode> value)
    {
        var chance = _random.Next(8);
        if (chance > 1)
            to[field] = value();
        else if (chance == 1)
            to[field] = null;
    }

    T Pick<T>(T[] from) => from[_random.Next(from.Length)];
}
