using System.Text;
using System.Text.Json;
using Pipeline.Contracts.Events;
using static Pipeline.Contracts.Tests.Events.EventText;

namespace Pipeline.Contracts.Tests.Events;

public sealed class EventParserTests
{
    [Fact]
    public void Reads_every_field_of_an_event()
    {
        var value = Annotation.Bytes();
        var parsed = Valid(value);
        Assert.Equal(EventType.Annotation, parsed.Type);
        Assert.Equal(Guid.Parse("0190a2c4-5b1e-7c3d-8a5f-0123456789ab"), parsed.EventId);
        Assert.Equal(1_704_067_200_250_000, parsed.TimestampUs);
        Assert.Equal(["user-1", "project-1", "task-1", "session-1", "pc-tool"],
            new[] { parsed.UserId, parsed.ProjectId, parsed.TaskId, parsed.SessionId, parsed.Tool }.Select(t => t.Text(value)));
        Assert.Equal(5000.5, parsed.DurationMs(value));
        Assert.Equal("create", parsed[DataField.Type].Text(value));
        Assert.Equal("cuboid", parsed[DataField.AnnotationType].Text(value));
        Assert.Equal(JsonTokenType.True, parsed[DataField.Success].Kind);
        Assert.Equal(JsonTokenType.Null, parsed[DataField.Error].Kind);
        Assert.Equal(JsonTokenType.StartObject, parsed.Metadata.Kind);
        Assert.Equal(value.Length, parsed.Length);
    }

    [Fact]
    public void The_place_of_data_is_the_whole_object()
    {
        var value = """ {"event_type":"performance","timestamp":"2024-01-01T00:00:00Z","user_id":"u","project_id":"p","data": {"fps" : 60 } } """.Bytes();
        var parsed = Valid(value);
        Assert.Equal("""{"fps" : 60 }""", Encoding.UTF8.GetString(parsed.DataObject.Raw(value)));
        Assert.Equal(Encoding.UTF8.GetString(value).Trim(), Encoding.UTF8.GetString(value.AsSpan(parsed.Start, parsed.Length)));
        Assert.True(double.IsNaN(parsed.DurationMs(value)));
    }

    [Fact]
    public void Takes_the_older_clients_event()
    {
        var batch = JsonDocument.Parse(File.ReadAllBytes(Tidy.Repository.Path("tests/Fixtures/older-client-batch.json")));
        foreach (var item in batch.RootElement.GetProperty("events").EnumerateArray())
            Accepted(item.GetRawText());
    }

    [Fact]
    public void Takes_every_event_of_the_sample_trace()
    {
        foreach (var line in File.ReadLines(Tidy.Repository.Path("tests/Fixtures/activity-2000.ndjson")))
            Assert.Equal((EventFault.None, line), (Fault(line), line));
    }

    [Fact]
    public void Takes_optional_fields_that_are_absent_or_null()
    {
        foreach (var field in (string[])["event_id", "task_id", "session_id", "tool", "metadata", "data.objectId", "data.source", "data.error"])
        {
            Accepted(With(field, null));
            Accepted(With(field, "null"));
        }
    }

    [Fact]
    public void Keeps_unknown_fields_without_looking_at_their_meaning()
    {
        Accepted(With("unknown", """{"user_id":5,"duration":"x","unknown":[null,true,false,0.5e-3]}"""));
        Accepted(With("data.unknown", """{"duration":-1}"""));
        // The contract's names are exact.
        Accepted(With("User_Id", "5"));
    }

    [Fact]
    public void Reads_names_and_values_that_are_escaped_throughout()
    {
        var value = (/*lang=json*/ """
            {"\u0065vent_type":"\u0061nnotation","t\u0069mestamp":"2024\u002d01-01T00:00:00Z","user_id":"\u0075\ud83d\ude00","project_id":"\/p\"\\",
            "event_i\u0064":"0190a2c4\u002d5b1e-7c3d-8a5f-0123456789ab",
            "d\u0061ta":{"t\u0079pe":"cre\u0061te","annotationTyp\u0065":"c","\u0064uration":3,"succes\u0073":false}}
            """).Bytes();
        var parsed = Valid(value);
        Assert.Equal(EventType.Annotation, parsed.Type);
        Assert.Equal("u😀", parsed.UserId.Text(value));
        Assert.Equal("/p\"\\", parsed.ProjectId.Text(value));
        Assert.Equal(Guid.Parse("0190a2c4-5b1e-7c3d-8a5f-0123456789ab"), parsed.EventId);
        Assert.Equal(3, parsed.DurationMs(value));
        Assert.Equal(JsonTokenType.False, parsed[DataField.Success].Kind);
    }

    [Fact]
    public void The_first_fault_in_the_text_is_the_one_reported() =>
        Refused(FaultReason.DuplicateField, "user_id", """{"user_id":"a","user_id":"b","data":{"duration":1,"duration":2}}""");

    [Fact]
    public void Leaves_the_reader_behind_the_event_whatever_its_fault()
    {
        string[] events =
        [
            Annotation, "5", "null", "\"text\"", "[1,[2]]", "{}", """{"user_id":"a","user_id":"b"}""", """{"data":{"x":1e400}}""",
            With("data.x", "[[[]]]"), With("user_id", "\"\\ud800\""), With("data.x", Nested(10_000)), With("data", "[{}]"), Annotation,
        ];
        var body = ("{\"events\":[" + string.Join(" , ", events) + "],\"after\":1}").Bytes();
        var reader = new Utf8JsonReader(body, EventParser.ReaderOptions);
        while (reader.TokenType != JsonTokenType.StartArray)
            reader.Read();
        var parsed = default(ParsedEvent);
        foreach (var item in events)
        {
            Assert.True(reader.Read());
            var fault = EventParser.ReadEvent(ref reader, body, ref parsed);
            Assert.Equal(item, Encoding.UTF8.GetString(body, parsed.Start, parsed.Length));
            Assert.Equal(Fault(item), fault);
        }
        Assert.True(reader.Read());
        Assert.Equal(JsonTokenType.EndArray, reader.TokenType);
    }

    static string Nested(int levels) => new string('[', levels) + new string(']', levels);
}
