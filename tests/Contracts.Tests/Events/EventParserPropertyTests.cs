using System.Globalization;
using System.Text;
using System.Text.Json;
using Pipeline.Contracts.Events;
using Pipeline.Pipeline.Tests.Harness;
using static Pipeline.Contracts.Tests.Events.EventText;

namespace Pipeline.Contracts.Tests.Events;

public sealed class EventParserPropertyTests
{
    [Fact]
    public void However_an_event_is_written_its_fields_are_the_same()
    {
        var random = Seeds.Next();
        var shapes = new JsonShapes(random);
        for (var round = 0; round < 400; round++)
        {
            var model = RandomEvent(random, shapes);
            var data = (Dictionary<string, object?>)model["data"]!;
            for (var writing = 0; writing < 5; writing++)
            {
                var text = shapes.Write(model);
                var value = text.Bytes();
                var parsed = default(ParsedEvent);
                Assert.Equal((EventFault.None, text), (EventParser.Parse(value, ref parsed), text));
                Assert.Equal(model["event_type"], parsed.Type.Name());
                Assert.Equal(Guid.Parse((string)model["event_id"]!), parsed.EventId);
                Assert.Equal(DateTimeOffset.Parse((string)model["timestamp"]!, CultureInfo.InvariantCulture).ToUnixTimeMilliseconds() * 1000, parsed.TimestampUs);
                Assert.Equal(model["user_id"], parsed.UserId.Text(value));
                Assert.Equal(model["project_id"], parsed.ProjectId.Text(value));
                Assert.Equal(model.GetValueOrDefault("tool"), parsed.Tool.Kind == JsonTokenType.String ? parsed.Tool.Text(value) : null);
                Assert.Equal(data.TryGetValue("duration", out var duration) ? (double)duration! : double.NaN, parsed.DurationMs(value));
                for (var field = (DataField)0; (int)field < DataFields.Count; field++)
                    Assert.Equal(data.ContainsKey(field.Name()), parsed[field].Exists);
            }
        }
    }

    static Dictionary<string, object?> RandomEvent(Random random, JsonShapes shapes)
    {
        var type = DataOf.Keys.ElementAt(random.Next(DataOf.Count));
        var data = new Dictionary<string, object?>();
        foreach (var property in JsonDocument.Parse(DataOf[type]).RootElement.EnumerateObject())
            data[property.Name] = property.Value.ValueKind switch
            {
                JsonValueKind.String => property.Value.GetString(),
                JsonValueKind.Number => Math.Round(random.NextDouble() * 1e5, 2),
                _ => random.Next(2) == 0,
            };
        for (var i = random.Next(4); i > 0; i--)
            data["x" + shapes.Text(random.Next(8))] = shapes.Value(3);
        var model = new Dictionary<string, object?>
        {
            ["event_id"] = new Guid(Enumerable.Range(0, 16).Select(_ => (byte)random.Next(1, 256)).ToArray()).ToString(),
            ["event_type"] = type,
            ["timestamp"] = DateTimeOffset.FromUnixTimeMilliseconds(random.NextInt64(946_684_800_000, 4_000_000_000_000)).ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture),
            ["user_id"] = shapes.Text(random.Next(1, 129)),
            ["project_id"] = shapes.Text(random.Next(1, 129)),
            ["data"] = data,
            ["y" + shapes.Text(3)] = shapes.Value(4),
        };
        if (random.Next(2) == 0)
            model["tool"] = shapes.Text(5);
        return model;
    }

    [Fact]
    public void Every_truncation_is_a_fault_and_never_an_exception()
    {
        var value = Annotation.Trim().Bytes();
        for (var length = 0; length < value.Length; length++)
            Assert.True(Fault(value[..length]).Exists, $"cut at {length}");
    }

    [Fact]
    public void Every_change_of_a_byte_is_a_verdict_and_never_an_exception()
    {
        foreach (var text in (string[])[Annotation, """{"d\u0061ta":{"t\u0079pe":"\ud83d\ude00","x":[1e5,{"\\u0000":null}]},"user_id":"\u00e9\n"}"""])
        {
            var value = text.Bytes();
            for (var at = 0; at < value.Length; at++)
            {
                var kept = value[at];
                for (var b = 0; b < 256; b++)
                {
                    value[at] = (byte)b;
                    Judge(value);
                }
                value[at] = kept;
            }
        }
    }

    [Fact]
    public void Random_bytes_are_a_fault_and_never_an_exception()
    {
        var random = Seeds.Next();
        for (var round = 0; round < 20_000; round++)
        {
            var value = new byte[random.Next(200)];
            random.NextBytes(value);
            Assert.True(Fault(value).Exists);
        }
    }

    [Fact]
    public void Events_pieced_together_from_fragments_never_throw()
    {
        var random = Seeds.Next();
        string[] fragments =
        [
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud83d", "\\ude00", "\\u0000", "null", "true", "1e400", "-", "0", "1.5", " ", "\n", "\"user_id\"",
            "\"data\"", "\"event_type\"", "\"annotation\"", "\"timestamp\"", "\"2024-01-01T00:00:00Z\"", "\"project_id\"", "\"d\\u0061ta\"", "\"é\"", "\"\\ud800\"", "\"x\"",
        ];
        for (var round = 0; round < 50_000; round++)
            Judge(string.Concat(Enumerable.Range(0, random.Next(1, 14)).Select(_ => fragments[random.Next(fragments.Length)])).Bytes());
    }

    /// <summary>What is taken as an event has to be readable as one by others too.</summary>
    static void Judge(byte[] value)
    {
        if (Fault(value).Exists)
            return;
        var parsed = Valid(value);
        using var document = JsonDocument.Parse(value.AsMemory(parsed.Start, parsed.Length));
        Assert.Equal(JsonValueKind.Object, document.RootElement.ValueKind);
        Assert.InRange(parsed.UserId.Text(value).EnumerateRunes().Count(), 1, EventLimits.KeyCharactersMax);
        Assert.NotEqual(EventType.None, parsed.Type);
        Assert.DoesNotContain('\uFFFD', Encoding.UTF8.GetString(value));
    }
}
