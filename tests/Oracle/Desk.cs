using System.Globalization;
using System.Text.Json.Nodes;

namespace Pipeline.Oracle;

/// <summary>Writes the events of one user at work in one project on the hand-made day, received a second after they happen unless it is said otherwise.</summary>
sealed class Desk(string user, string project, string? tool = null, string? batchTool = null)
{
    public const string Date = "2024-05-06";

    /// <summary>Ids count up in the order of writing.</summary>
    static int s_written;

    public TraceEvent Annotates(string at, string type, decimal ms, string? on = null, bool success = true, string? source = null, string kind = "box", string? with = null)
    {
        var fields = new JsonObject { ["type"] = type, ["annotationType"] = kind, ["duration"] = ms, ["success"] = success };
        if (on is not null)
            fields["objectId"] = on;
        if (source is not null)
            fields["source"] = source;
        return Write(at, "annotation", fields, with);
    }

    public TraceEvent Task(string at, string type, string task, decimal? ms = null)
    {
        var fields = new JsonObject { ["type"] = type, ["taskId"] = task };
        if (ms is not null)
            fields["duration"] = ms;
        return Write(at, "task_status", fields);
    }

    public TraceEvent Tool(string at, string action, decimal ms, bool success = true) =>
        Write(at, "tool_efficiency", new JsonObject { ["tool"] = "viewer", ["action"] = action, ["duration"] = ms, ["success"] = success });

    public TraceEvent Clicks(string at) => Write(at, "user_interaction", new JsonObject { ["action"] = "click" });

    public TraceEvent Shows(string at, decimal? fps) => Write(at, "performance", new JsonObject { ["fps"] = fps });

    public TraceEvent Fails(string at) => Write(at, "error", new JsonObject { ["type"] = "network", ["message"] = "no answer" });

    public TraceEvent Computes(string at) => Write(at, "backend_computation", []);

    /// <param name="at">A time of the day, or with its date.</param>
    TraceEvent Write(string at, string type, JsonObject fields, string? with = null)
    {
        var timestamp = (at.Length == 8 ? $"{Date}T{at}" : at) + "Z";
        var json = new JsonObject
        {
            ["event_id"] = $"00000000-0000-4000-8000-{++s_written:D12}", ["event_type"] = type, ["timestamp"] = timestamp, ["user_id"] = user, ["project_id"] = project, ["data"] = fields,
        };
        if ((with ?? tool) is { } named)
            json["tool"] = named;
        return new TraceEvent(json.ToJsonString(), DateTimeOffset.Parse(timestamp, CultureInfo.InvariantCulture).AddSeconds(1)) { BatchTool = batchTool };
    }
}

static class Sending
{
    public static TraceEvent Received(this TraceEvent e, string at, string? sent = null) => e with { ReceivedAt = OnDay(at), SentAt = sent is null ? null : OnDay(sent) };

    static DateTimeOffset OnDay(string time) => DateTimeOffset.Parse($"{Desk.Date}T{time}Z", CultureInfo.InvariantCulture);
}
