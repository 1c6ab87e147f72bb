using System.Text;
using Pipeline.Contracts.Events;
using static Pipeline.Contracts.Tests.Events.EventText;

namespace Pipeline.Contracts.Tests.Events;

public sealed class EventFaultTests
{
    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("{")]
    [InlineData("nul")]
    [InlineData("{} {}")]
    [InlineData("{},")]
    [InlineData("{'a':1}")]
    [InlineData("{\"a\":1,}")]
    [InlineData("{\"a\":01}")]
    [InlineData("{\"a\":NaN}")]
    [InlineData("{\"a\":\"\n\"}")]
    [InlineData("{\"a\":\"\\x\"}")]
    [InlineData("{\"a\":\"\\u12\"}")]
    [InlineData("/* c */ {}")]
    [InlineData("\ufeff{}")]
    public void What_is_not_json_is_malformed(string text) => Refused(FaultReason.MalformedJson, null, text);

    [Theory]
    [InlineData("5")]
    [InlineData("null")]
    [InlineData("\"{}\"")]
    [InlineData("[{}]")]
    [InlineData("true")]
    public void Only_an_object_is_an_event(string text) => Refused(FaultReason.NotAnObject, null, text);

    [Fact]
    public void Bytes_that_are_not_utf8_are_refused_wherever_they_stand()
    {
        var value = Annotation.Bytes();
        byte[][] wrong = [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82]];
        foreach (var at in (int[])[Annotation.IndexOf("user-1", StringComparison.Ordinal), Annotation.IndexOf("extra", StringComparison.Ordinal)])
            foreach (var bytes in wrong)
                Assert.Equal(new EventFault(FaultReason.InvalidUtf8), Fault([.. value[..at], .. bytes, .. value[at..]]));
    }

    [Theory]
    [InlineData("event_type", "\"\\u0000\"")]
    [InlineData("user_id", "\"a\\ud800\"")]
    [InlineData("user_id", "\"a\\udc00b\"")]
    [InlineData("user_id", "\"\\ud800\\ud800\"")]
    [InlineData("user_id", "\"\\ud800\\n\"")]
    [InlineData("user_id", "\"\\uDBFFx\"")]
    [InlineData("data.extra", "\"\\u0000\"")]
    [InlineData("data.extra", "{\"\\udfff\":1}")]
    [InlineData("metadata", "{\"a\":[\"\\ud83d\"]}")]
    [InlineData("unknown", "\"\\\\\\u0000\"")]
    public void Half_surrogates_and_nul_are_refused(string field, string json) => Refused(FaultReason.InvalidString, null, With(field, json));

    [Fact]
    public void A_name_with_half_a_surrogate_is_refused() =>
        Refused(FaultReason.InvalidString, null, Annotation.Replace("\"metadata\"", "\"\\ud800data\"", StringComparison.Ordinal));

    [Theory]
    [InlineData("\"\\\\u0000\"")]
    [InlineData("\"\\\\ud800\"")]
    [InlineData("\"\\\\\\\\u0000\"")]
    [InlineData("\"\\ud83d\\ude00\"")]
    [InlineData("\"\\uD83D\\uDE00\"")]
    [InlineData("\"\\ufffe\"")]
    public void What_only_looks_like_them_is_text(string json)
    {
        Accepted(With("user_id", json));
        Accepted(With("data.extra", json));
    }

    [Theory]
    [InlineData("1e400")]
    [InlineData("-1e400")]
    [InlineData("1E309")]
    [InlineData("179769313486231580793728971405301e277")]
    public void Numbers_beyond_a_float_are_refused_wherever_they_stand(string number)
    {
        foreach (var field in (string[])["data.duration", "data.extra", "unknown"])
            Refused(FaultReason.NumberOutOfRange, null, With(field, number));
        Refused(FaultReason.NumberOutOfRange, null, With("metadata", $$"""{"a":[{"b":{{number}}}]}"""));
    }

    [Fact]
    public void Long_numbers_count_by_their_value()
    {
        Refused(FaultReason.NumberOutOfRange, null, With("data.extra", new string('9', 400)));
        Accepted(With("data.extra", new string('9', 308)));
        Accepted(With("data.extra", "0." + new string('1', 400)));
        Accepted(With("data.extra", "1e308"));
        Accepted(With("data.extra", "1e-400"));
        Accepted(With("data.extra", "-0"));
    }

    [Theory]
    [InlineData("event_type")]
    [InlineData("user_id")]
    [InlineData("project_id")]
    [InlineData("task_id")]
    [InlineData("session_id")]
    [InlineData("tool")]
    [InlineData("timestamp")]
    [InlineData("event_id")]
    [InlineData("data")]
    [InlineData("metadata")]
    public void A_field_of_the_contract_may_stand_once(string field)
    {
        var name = $"\"{field}\":";
        Refused(FaultReason.DuplicateField, field, Annotation.Insert(1, $"{name}null,"));
        Refused(FaultReason.DuplicateField, field, Annotation.Insert(1, $"\"\\u{(int)field[0]:x4}{field[1..]}\":[{{}}],"));
    }

    [Theory]
    [InlineData("type")]
    [InlineData("duration")]
    [InlineData("success")]
    [InlineData("fps")]
    [InlineData("fingerprint")]
    public void A_field_of_data_may_stand_once(string field) =>
        Refused(FaultReason.DuplicateField, "data." + field, With("data", $$"""{"{{field}}":1,"x":{},"{{field}}":1}"""));

    [Theory]
    [InlineData("event_type")]
    [InlineData("user_id")]
    [InlineData("project_id")]
    [InlineData("timestamp")]
    [InlineData("data")]
    public void A_required_field_that_is_absent_or_null_is_missing(string field)
    {
        Refused(FaultReason.MissingField, field, With(field, null));
        Refused(FaultReason.MissingField, field, With(field, "null"));
    }

    [Theory]
    [InlineData("event_type")]
    [InlineData("user_id")]
    [InlineData("project_id")]
    [InlineData("task_id")]
    [InlineData("session_id")]
    [InlineData("tool")]
    [InlineData("timestamp")]
    [InlineData("event_id")]
    public void A_string_is_a_string(string field)
    {
        foreach (var json in (string[])["5", "true", "false", "{}", "[]", "[\"a\"]", "1.5e3"])
            Refused(FaultReason.WrongType, field, With(field, json));
    }

    [Theory]
    [InlineData("data")]
    [InlineData("metadata")]
    public void An_object_is_an_object(string field)
    {
        foreach (var json in (string[])["5", "true", "\"\"", "[]", "\"{}\""])
            Refused(FaultReason.WrongType, field, With(field, json));
    }

    [Theory]
    [InlineData("\"Annotation\"")]
    [InlineData("\"annotation \"")]
    [InlineData("\"other\"")]
    public void An_event_type_is_one_of_seven(string json) => Refused(FaultReason.InvalidValue, "event_type", With("event_type", json));

    [Theory]
    [InlineData("\"2024-01-01\"")]
    [InlineData("\"2024-01-01T00:00:00\"")]
    [InlineData("\"2024-02-30T00:00:00Z\"")]
    [InlineData("\"now\"")]
    [InlineData("\"\"")]
    public void A_timestamp_is_rfc_3339(string json) => Refused(FaultReason.InvalidTimestamp, null, With("timestamp", json));

    [Fact]
    public void A_timestamp_of_any_length_is_refused_without_harm() =>
        Refused(FaultReason.InvalidTimestamp, null, With("timestamp", $"\"2024-01-01T00:00:00.{new string('1', 5000)}Z\""));

    [Theory]
    [InlineData("\"\"")]
    [InlineData("\"00000000-0000-0000-0000-000000000000\"")]
    [InlineData("\"0190a2c45b1e7c3d8a5f0123456789ab\"")]
    [InlineData("\"{0190a2c4-5b1e-7c3d-8a5f-0123456789ab}\"")]
    [InlineData("\"0190a2c4-5b1e-7c3d-8a5f-0123456789ag\"")]
    [InlineData("\"0190a2c4-5b1e-7c3d-8a5f-0123456789ab \"")]
    [InlineData("\"0190a2c4-5b1e-7c3d-8a5f-0123456789a\"")]
    public void An_event_id_is_a_uuid_of_36_characters(string json) => Refused(FaultReason.InvalidEventId, null, With("event_id", json));

    [Fact]
    public void An_event_id_in_capitals_is_the_same_id() =>
        Assert.Equal(Guid.Parse("0190a2c4-5b1e-7c3d-8a5f-0123456789ab"), Valid(With("event_id", "\"0190A2C4-5B1E-7C3D-8A5F-0123456789AB\"").Bytes()).EventId);

    [Fact]
    public void An_event_of_exactly_the_limit_is_taken_and_one_byte_more_is_not()
    {
        var room = EventLimits.EventBytesMax - Encoding.UTF8.GetByteCount(With("data.extra", "\"\""));
        Accepted(With("data.extra", $"\"{new string('x', room)}\""));
        Refused(FaultReason.TooLarge, null, With("data.extra", $"\"{new string('x', room + 1)}\""));
    }

    [Fact]
    public void Every_reason_has_a_code_of_its_own_and_a_sentence()
    {
        var reasons = Enum.GetValues<FaultReason>().Where(r => r != FaultReason.None).Select(r => new EventFault(r, "field")).ToList();
        Assert.Equal(reasons.Count, reasons.Select(r => r.Code).Distinct().Count());
        Assert.All(reasons, r => Assert.Matches("^[a-z0-9_]+$", r.Code));
        Assert.All(reasons, r => Assert.EndsWith(".", r.Detail));
        Assert.DoesNotContain(reasons, r => r.Code == EventFault.None.Code);
    }
}
