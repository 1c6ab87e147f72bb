using System.Globalization;
using System.Numerics;
using System.Text;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Influx;
using static Pipeline.Sinks.Tests.Influx.Points;

namespace Pipeline.Sinks.Tests.Influx;

public sealed class EventPointTests
{
    [Fact]
    public void Is_the_line_of_the_contract() =>
        Assert.Equal(
            "efficiency_events,event_type=annotation,project_id=p,tool=pc-tool,user_id=u count=1i,event_id=\"0190a2c4-5b1e-7c3d-8a5f-0123456789ab\","
            + "type=\"create\",annotationType=\"cuboid\",duration=5000.5,success=true,files=1 1704067200123"
            + (0x8A5F0123456789ABUL % 1_000_000).ToString("D6", CultureInfo.InvariantCulture),
            LineOf(Event("""{"type":"create","annotationType":"cuboid","duration":5000.5,"success":true,"objectId":"o","error":null,"files":1,"nested":{"a":1},"list":[1]}""", tool: "pc-tool", type: "annotation")));

    [Fact]
    public void The_batchs_tool_counts_where_the_event_has_none()
    {
        Assert.Equal("batch tool", ParsedLine.Read(LineOf(Event("{}"), batchTool: "batch tool")).Tags["tool"]);
        Assert.Equal("own", ParsedLine.Read(LineOf(Event("{}", tool: "own"), batchTool: "batch tool")).Tags["tool"]);
        Assert.DoesNotContain("tool", ParsedLine.Read(LineOf(Event("{}"))).Tags.Keys);
    }

    [Fact]
    public void A_point_without_numbers_is_not_empty() =>
        Assert.Equal(["count", "event_id"], ParsedLine.Read(LineOf(Event("{}"))).Fields.Keys);

    [Fact]
    public void A_correction_is_a_field_and_never_the_time()
    {
        var plain = ParsedLine.Read(LineOf(Event("{}")));
        var corrected = ParsedLine.Read(LineOf(Event("{}"), correctedUs: -7_200_500));
        Assert.Equal("-7200.5", corrected.Fields["corrected_ms"]);
        Assert.Equal(plain.Timestamp, corrected.Timestamp);
    }

    [Theory]
    [InlineData("duration", "true")]
    [InlineData("annotationCount", "false")]
    [InlineData("fps", "true")]
    [InlineData("load_time", "true")]
    [InlineData("success", "1")]
    public void A_field_of_the_contract_under_another_type_is_renamed_because_the_first_type_in_a_shard_keeps_the_others_out(string name, string value)
    {
        // A computation's data are free; in a performance event such a field is invalid before it gets here.
        var json = Event($$"""{"{{name}}":{{value}}}""").Replace("\"performance\"", "\"backend_computation\"", StringComparison.Ordinal);
        var line = ParsedLine.Read(LineOf(json));
        Assert.Equal(value, line.Fields["data_" + name]);
        Assert.DoesNotContain(name, line.Fields.Keys);
    }

    [Theory]
    [InlineData("count")]
    [InlineData("event_id")]
    [InlineData("corrected_ms")]
    [InlineData("time")]
    [InlineData("event_type")]
    [InlineData("project_id")]
    [InlineData("tool")]
    [InlineData("user_id")]
    [InlineData("type")]
    [InlineData("action")]
    [InlineData("annotationType")]
    public void A_number_under_a_name_of_ours_is_renamed(string name)
    {
        foreach (var written in (string[])[name, $"\\u{(int)name[0]:x4}{name[1..]}"])
        {
            var line = ParsedLine.Read(LineOf(Event($$"""{"{{written}}":5,"x":true}"""), correctedUs: 1));
            Assert.Equal("5", line.Fields["data_" + name]);
            Assert.Equal("true", line.Fields["x"]);
            Assert.Equal("1i", line.Fields["count"]);
        }
    }

    [Fact]
    public void Only_three_texts_are_fields()
    {
        var line = ParsedLine.Read(LineOf(Event("""{"type":"a","action":"b \"quoted\" \\ back","annotationType":"c\nd","error":"e","objectId":"f","free":"g"}""")));
        Assert.Equal(["action", "annotationType", "count", "event_id", "type"], line.Fields.Keys.Order());
        Assert.Equal("\"b \"quoted\" \\ back", line.Fields["action"]);
        Assert.Equal("\"c\nd", line.Fields["annotationType"]);
    }

    [Theory]
    [InlineData("1970-01-01T00:00:00Z", "0")]
    [InlineData("1969-12-31T23:59:59.9999Z", "-1")]
    [InlineData("0001-01-01T00:00:00Z", "-62135596800000")]
    [InlineData("9999-12-31T23:59:59.999Z", "253402300799999")]
    public void The_time_is_cut_to_ms_and_numbered_by_the_id(string timestamp, string ms) =>
        Assert.Equal(BigInteger.Parse(ms, CultureInfo.InvariantCulture) * 1_000_000 + EventPoint.NanosecondsWithinMillisecond(Id),
            BigInteger.Parse(ParsedLine.Read(LineOf(Event("{}", timestamp: timestamp))).Timestamp, CultureInfo.InvariantCulture));

    [Fact]
    public void Numbers_within_a_millisecond_spread_evenly()
    {
        var random = Seeds.Next();
        var tenths = new int[10];
        for (var i = 0; i < 100_000; i++)
        {
            var bytes = new byte[16];
            random.NextBytes(bytes);
            tenths[EventPoint.NanosecondsWithinMillisecond(new Guid(bytes)) / 100_000]++;
        }
        Assert.All(tenths, n => Assert.InRange(n, 9_400, 10_600));
    }

    [Fact]
    public void Whatever_an_event_holds_its_line_reads_back()
    {
        var random = Seeds.Next();
        var runes = "abc ,=\\\"';%\t\n\r\u0001é漢😀#{}".EnumerateRunes().ToArray();
        string Text(int most, bool control)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, most)).Select(_ => runes[random.Next(runes.Length)].ToString()));
            return control ? text : string.Concat(text.Where(c => !char.IsControl(c))) + "x";
        }
        for (var round = 0; round < 5000; round++)
        {
            string user = Text(20, false), project = Text(20, false), tool = Text(20, false), name = "n" + Text(20, true), action = Text(30, true);
            var number = random.NextDouble() * Math.Pow(10, random.Next(-300, 300)) * (random.Next(2) - 0.5);
            var json = Event($$"""{{{Json(name)}}:{{number.ToString("R", CultureInfo.InvariantCulture)}},"action":{{Json(action)}}}""", user, project, tool);
            var text = LineOf(json);
            var line = ParsedLine.Read(text);
            Assert.Equal("efficiency_events", line.Measurement);
            Assert.Equal((user, project, tool), (Read(line.Tags["user_id"]), Read(line.Tags["project_id"]), Read(line.Tags["tool"])));
            Assert.Equal('"' + action, line.Fields["action"]);
            Assert.Equal(number, Number(line.Fields.Single(f => f.Key.StartsWith('n')).Value));
            Assert.Equal(4, line.Fields.Count);
            AssertNoBreakOutsideTexts(text);
        }

        // A space stands behind a backslash at the end, because line protocol cannot say it otherwise.
        static string Read(string tag) => tag.EndsWith(@"\ ", StringComparison.Ordinal) ? tag[..^1] : tag;
    }

    static void AssertNoBreakOutsideTexts(string line)
    {
        bool inside = false, valueStarts = false;
        for (var i = 0; i < line.Length; i++)
        {
            var c = line[i];
            if (c == '"' && (inside || valueStarts))
                inside = !inside;
            if (c == '\n')
                Assert.True(inside, $"a line feed at {i} of {line}");
            valueStarts = c == '=';
            if (c == '\\')
                i++;
        }
    }

    [Fact]
    public void A_line_never_grows_with_what_was_written_before()
    {
        var lines = new LineProtocol();
        lines.Text(Encoding.UTF8.GetBytes(new string('"', 100_000)));
        Assert.Equal(200_002, lines.Length);
        lines.Clear();
        lines.Tag("a,b"u8);
        Assert.Equal("a\\,b", Encoding.UTF8.GetString(lines.Bytes.Span));
    }
}
