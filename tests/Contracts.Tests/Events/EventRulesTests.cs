using System.Text.Json.Nodes;
using Pipeline.Contracts.Events;
using static Pipeline.Contracts.Tests.Events.EventText;

namespace Pipeline.Contracts.Tests.Events;

/// <summary>The contract's table of what <c>data</c> holds, written out once more.</summary>
public sealed class EventRulesTests
{
    /// <summary>Type, field, required, and of what kind: key, text, number, positive, boolean or a list of values.</summary>
    public static TheoryData<string, string, bool, string> Rows => new()
    {
        { "annotation", "type", true, "start create update modify complete delete save" },
        { "annotation", "annotationType", true, "key" },
        { "annotation", "duration", true, "positive" },
        { "annotation", "success", true, "boolean" },
        { "annotation", "objectId", false, "key" },
        { "annotation", "source", false, "manual model imported" },
        { "annotation", "error", false, "text" },
        { "task_status", "type", true, "start pause resume complete submit modify skip mark_valid mark_invalid" },
        { "task_status", "taskId", true, "key" },
        { "task_status", "duration", false, "number" },
        { "task_status", "success", false, "boolean" },
        { "task_status", "annotationCount", false, "number" },
        { "task_status", "error", false, "text" },
        { "tool_efficiency", "tool", true, "key" },
        { "tool_efficiency", "action", true, "key" },
        { "tool_efficiency", "duration", true, "number" },
        { "tool_efficiency", "success", true, "boolean" },
        { "user_interaction", "action", true, "key" },
        { "user_interaction", "element", false, "text" },
        { "user_interaction", "duration", false, "number" },
        { "user_interaction", "count", false, "number" },
        { "performance", "fps", false, "number" },
        { "performance", "memory_usage", false, "number" },
        { "performance", "cpu_usage", false, "number" },
        { "performance", "render_time", false, "number" },
        { "performance", "network_latency", false, "number" },
        { "performance", "load_time", false, "number" },
        { "error", "type", true, "key" },
        { "error", "message", true, "text" },
        { "error", "severity", false, "key" },
        { "error", "fingerprint", false, "key" },
    };

    static readonly string[] Samples = ["\"text\"", "\"\"", "5", "-5", "0.5", "true", "false", "{}", "[]"];

    [Theory, MemberData(nameof(Rows))]
    public void Holds_its_field_to_its_row(string type, string field, bool required, string kind)
    {
        var path = "data." + field;
        foreach (var absent in (string?[])[null, "null"])
        {
            if (required)
                Refused(FaultReason.MissingField, path, Event(type, field, absent));
            else
                Accepted(Event(type, field, absent));
        }
        foreach (var json in Samples)
            Assert.Equal((json, new EventFault(Expected(kind, json), Expected(kind, json) == FaultReason.None ? null : path)), (json, Fault(Event(type, field, json))));
    }

    [Theory, MemberData(nameof(Rows))]
    public void Takes_exactly_the_values_of_its_list(string type, string field, bool required, string kind)
    {
        if (!kind.Contains(' ', StringComparison.Ordinal))
            return;
        Assert.Equal(required, kind.Contains("start", StringComparison.Ordinal));
        foreach (var value in kind.Split(' '))
        {
            Accepted(Event(type, field, $"\"{value}\""));
            Accepted(Event(type, field, $"\"\\u{(int)value[0]:x4}{value[1..]}\""));
            Refused(FaultReason.InvalidValue, "data." + field, Event(type, field, $"\"{value.ToUpperInvariant()}\""));
            Refused(FaultReason.InvalidValue, "data." + field, Event(type, field, $"\"{value} \""));
        }
        Refused(FaultReason.InvalidValue, "data." + field, Event(type, field, $"\"{new string('x', 5000)}\""));
    }

    [Theory]
    [InlineData("performance")]
    [InlineData("backend_computation")]
    public void Data_may_be_empty_where_nothing_is_required(string type) => Accepted(OfType(type, "{}"));

    [Fact]
    public void Free_data_is_not_looked_at() =>
        Accepted(OfType("backend_computation", """{"type":5,"duration":"x","success":[],"tool":{},"action":null,"fps":"fast"}"""));

    [Fact]
    public void A_field_of_another_type_is_not_looked_at() => Accepted(OfType("performance", """{"duration":"long","success":1,"type":{}}"""));

    [Theory]
    [InlineData("-0", true)]
    [InlineData("-0.0", true)]
    [InlineData("0", true)]
    [InlineData("-1e-300", false)]
    [InlineData("-0.001", false)]
    public void An_annotations_duration_is_not_negative(string number, bool valid)
    {
        var text = With("data.duration", number);
        if (valid)
            Accepted(text);
        else
            Refused(FaultReason.InvalidValue, "data.duration", text);
    }

    static string Event(string type, string field, string? json) => With(OfType(type), "data." + field, json);

    static FaultReason Expected(string kind, string json)
    {
        var node = JsonNode.Parse(json);
        var value = node!.GetValueKind().ToString();
        return kind switch
        {
            "number" => value == "Number" ? FaultReason.None : FaultReason.WrongType,
            "positive" => value != "Number" ? FaultReason.WrongType : json.StartsWith('-') ? FaultReason.InvalidValue : FaultReason.None,
            "boolean" => value is "True" or "False" ? FaultReason.None : FaultReason.WrongType,
            _ when value != "String" => FaultReason.WrongType,
            "text" => FaultReason.None,
            "key" => json == "\"\"" ? FaultReason.InvalidLength : FaultReason.None,
            _ => FaultReason.InvalidValue,
        };
    }
}
