using System.Globalization;
using Pipeline.Oracle;

namespace Pipeline.Pipeline.Tests.Metrics;

/// <summary>Single events for the corners of a definition: of user <c>u</c> in project <c>p</c>, received when they happen.</summary>
static class Raw
{
    static int s_written;

    public static TraceEvent Click(string at, string user = "u", string project = "p") => Event(at, "user_interaction", """{"action":"click"}""", user, project);

    public static TraceEvent Load(string at, string ms) => Event(at, "tool_efficiency", $$"""{"tool":"viewer","action":"load","duration":{{ms}},"success":true}""");

    public static TraceEvent Annotation(string at, string type, string? on = null, string user = "u", string success = "true", string ms = "1000", string? id = null) => Event(at, "annotation",
        $$"""{"type":"{{type}}","annotationType":"box","duration":{{ms}},"success":{{success}},"objectId":{{(on is null ? "null" : $"\"{on}\"")}}}""", user, id: id);

    public static TraceEvent Event(string at, string type, string fields, string user = "u", string project = "p", string? id = null)
    {
        id ??= $"00000000-0000-4000-9000-{Interlocked.Increment(ref s_written):D12}";
        var json = $$"""{"event_id":"{{id}}","event_type":"{{type}}","timestamp":"{{at}}","user_id":"{{user}}","project_id":"{{project}}","data":{{fields}}}""";
        return new TraceEvent(json, DateTimeOffset.Parse(at, CultureInfo.InvariantCulture));
    }
}
