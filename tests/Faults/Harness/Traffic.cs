using System.Text;

namespace Pipeline.Faults.Harness;

/// <summary>One event as a client holds it: its bytes, and the mark within them by which the test knows it again.</summary>
sealed record SentEvent(Guid Mark, byte[] Bytes, string User, bool Valid);

/// <summary>Makes events of several kinds, a few of them invalid. Not for several threads at once.</summary>
sealed class Traffic(Random random, LoadShape? shape = null)
{
    public const string Machine = "machine";
    const int Users = 40, Projects = 5;
    static readonly DateTime FirstTime = new(2024, 5, 1, 8, 0, 0, DateTimeKind.Utc);
    static readonly string[] Actions = ["create", "update", "delete", "save"];

    /// <param name="named">With its mark as its id; else the pipeline derives one.</param>
    public SentEvent Next(bool named, double invalidShare, string? user = null)
    {
        var mark = NewMark();
        user ??= $"user-{random.Next(Users)}";
        var valid = random.NextDouble() >= invalidShare;
        var id = named ? $"\"event_id\":\"{mark}\"," : "";
        var project = valid ? $"\"project_id\":\"project-{random.Next(Projects)}\"," : "";
        var time = FirstTime.AddSeconds(random.Next(4 * 3600)).AddMilliseconds(random.Next(1000));
        var (type, fields) = Contents();
        var json = $$$"""{{{{id}}}"event_type":"{{{type}}}","timestamp":"{{{time:yyyy-MM-ddTHH:mm:ss.fffZ}}}","user_id":"{{{user}}}",{{{project}}}{{{Wish()}}}"data":{{{{fields}}},"mark":"{{{mark}}}"}}""";
        return new SentEvent(mark, Encoding.UTF8.GetBytes(json), user, valid);
    }

    string Wish() => shape is null || random.NextDouble() >= shape.FailShare ? ""
        : shape.FailsForGood || random.Next(10) == 0 ? "\"fail\":\"transient\"," : $"\"fail\":\"transient\",\"times\":{random.Next(1, 3)},";

    /// <summary>A computation of a back end, whose fields are free.</summary>
    public SentEvent Computation(string fields)
    {
        var mark = NewMark();
        var json = $$$"""{"event_id":"{{{mark}}}","event_type":"backend_computation","timestamp":"{{{FirstTime:yyyy-MM-ddTHH:mm:ssZ}}}","user_id":"{{{Machine}}}","project_id":"project-0","data":{{{{fields}}},"mark":"{{{mark}}}"}}""";
        return new SentEvent(mark, Encoding.UTF8.GetBytes(json), Machine, Valid: true);
    }

    (string Type, string Fields) Contents() => random.Next(10) switch
    {
        < 6 => ("annotation", $"\"type\":\"{Actions[random.Next(Actions.Length)]}\",\"annotationType\":\"box\",\"duration\":{random.Next(60_000)},\"success\":{(random.Next(5) > 0 ? "true" : "false")}"),
        < 8 => ("tool_efficiency", $"\"tool\":\"pen\",\"action\":\"draw_end\",\"duration\":{random.Next(5_000)}.5,\"success\":true"),
        8 => ("performance", $"\"fps\":{random.Next(60)},\"memory_usage\":{random.Next(2000)}.25"),
        _ => ("user_interaction", $"\"action\":\"click\",\"count\":{random.Next(9)}"),
    };

    Guid NewMark()
    {
        Span<byte> bytes = stackalloc byte[16];
        random.NextBytes(bytes);
        // RFC 9562, version 4.
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x40);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }

    /// <summary>The mark in an event's bytes, or null where there is none.</summary>
    public static Guid? MarkOf(ReadOnlySpan<byte> bytes)
    {
        var at = bytes.LastIndexOf("\"mark\":\""u8);
        return at >= 0 && bytes.Length >= at + 44 && Guid.TryParse(bytes.Slice(at + 8, 36), out var mark) ? mark : null;
    }
}
