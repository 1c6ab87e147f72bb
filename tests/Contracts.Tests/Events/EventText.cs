using System.Text;
using System.Text.Json.Nodes;
using Pipeline.Contracts.Events;

namespace Pipeline.Contracts.Tests.Events;

/// <summary>Valid events to start from, changes to them, and their reading.</summary>
static class EventText
{
    public const string Annotation = """
        {"event_id":"0190a2c4-5b1e-7c3d-8a5f-0123456789ab","event_type":"annotation","timestamp":"2024-01-01T00:00:00.25Z","user_id":"user-1","project_id":"project-1","task_id":"task-1","session_id":"session-1","tool":"pc-tool","data":{"type":"create","annotationType":"cuboid","duration":5000.5,"success":true,"objectId":"o-1","source":"model","error":null,"extra":[1,{"a":"b"}]},"metadata":{"k":"v"}}
        """;

    public static readonly Dictionary<string, string> DataOf = new()
    {
        ["annotation"] = """{"type":"create","annotationType":"cuboid","duration":1,"success":true}""",
        ["task_status"] = """{"type":"start","taskId":"t-1"}""",
        ["tool_efficiency"] = """{"tool":"brush","action":"activate","duration":1,"success":true}""",
        ["user_interaction"] = """{"action":"click"}""",
        ["performance"] = "{}",
        ["error"] = """{"type":"network","message":"it broke"}""",
        ["backend_computation"] = "{}",
    };

    public static byte[] Bytes(this string text) => Encoding.UTF8.GetBytes(text);

    public static string OfType(string type, string? data = null) =>
        $$"""{"event_type":"{{type}}","timestamp":"2024-01-01T00:00:00Z","user_id":"u","project_id":"p","data":{{data ?? DataOf[type]}}}""";

    /// <summary>The annotation with one field replaced by this JSON text, or removed by null. A name like <c>data.duration</c> reaches inside.</summary>
    public static string With(string field, string? json) => With(Annotation, field, json);

    public static string With(string text, string field, string? json)
    {
        const string mark = "\"?mark?\"";
        var root = JsonNode.Parse(text)!.AsObject();
        var path = field.Split('.');
        var target = path.Length == 2 ? root[path[0]]!.AsObject() : root;
        target.Remove(path[^1]);
        if (json is not null)
            target[path[^1]] = "?mark?";
        return root.ToJsonString().Replace(mark, json, StringComparison.Ordinal);
    }

    public static EventFault Fault(string text) => Fault(text.Bytes());

    public static EventFault Fault(byte[] value)
    {
        var parsed = default(ParsedEvent);
        return EventParser.Parse(value, ref parsed);
    }

    public static ParsedEvent Valid(byte[] value)
    {
        var parsed = default(ParsedEvent);
        Assert.Equal(EventFault.None, EventParser.Parse(value, ref parsed));
        return parsed;
    }

    public static void Refused(FaultReason reason, string? field, string text) => Assert.Equal(new EventFault(reason, field), Fault(text));

    public static void Accepted(string text) => Assert.Equal(EventFault.None, Fault(text));

    public static string Text(this Token token, byte[] value) => JsonStrings.GetString(token, value);
}
