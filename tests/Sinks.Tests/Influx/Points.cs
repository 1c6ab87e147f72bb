using System.Globalization;
using System.Text;
using System.Text.Json;
using Pipeline.Contracts.Events;
using Pipeline.Sinks.Influx;

namespace Pipeline.Sinks.Tests.Influx;

static class Points
{
    public static readonly Guid Id = Guid.Parse("0190a2c4-5b1e-7c3d-8a5f-0123456789ab");

    public static string Event(string data, string user = "u", string project = "p", string? tool = null, string timestamp = "2024-01-01T00:00:00.123456Z", string type = "performance") =>
        $$"""{"event_type":"{{type}}","timestamp":"{{timestamp}}","user_id":{{Json(user)}},"project_id":{{Json(project)}},"tool":{{Json(tool)}},"data":{{data}}}""";

    public static string Json(string? text) => JsonSerializer.Serialize(text);

    public static string LineOf(string json, string batchTool = "", long? correctedUs = null, Guid? id = null)
    {
        var body = Encoding.UTF8.GetBytes(json);
        var parsed = default(ParsedEvent);
        Assert.Equal(EventFault.None, EventParser.Parse(body, ref parsed));
        var lines = new LineProtocol();
        EventPoint.Write(lines, parsed, body, new EventPoint.Context(id ?? Id, Encoding.UTF8.GetBytes(batchTool), correctedUs));
        return Encoding.UTF8.GetString(lines.Bytes.Span);
    }

    public static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
