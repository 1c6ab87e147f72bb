using System.Text.Json;
using Pipeline.Contracts.Events;
using static Pipeline.Contracts.Tests.Events.EventText;

namespace Pipeline.Contracts.Tests.Events;

/// <summary>64 levels, the event's own object included, wherever the event stands.</summary>
public sealed class EventDepthTests
{
    public static TheoryData<string, int> Places => new() { { "data.x", 2 }, { "metadata.x", 2 }, { "x", 1 } };

    [Theory, MemberData(nameof(Places))]
    public void Sixty_four_levels_are_taken_and_one_more_is_not(string field, int outside)
    {
        foreach (var (open, close) in ((string, string)[])[("[", "]"), ("{\"a\":", "}")])
            foreach (var inner in (string[])["1", "[]", "{}", "null"])
            {
                var own = inner is "[]" or "{}" ? 1 : 0;
                Accepted(With(field, Nested(EventLimits.DepthMax - outside - own, open, inner, close)));
                Refused(FaultReason.TooDeep, null, With(field, Nested(EventLimits.DepthMax - outside - own + 1, open, inner, close)));
            }
    }

    [Theory, MemberData(nameof(Places))]
    public void Ten_thousand_levels_are_a_fault_of_the_event_alone(string field, int outside) =>
        Refused(FaultReason.TooDeep, null, With(field, Nested(10_000 - outside, "[", "1", "]")));

    [Theory, MemberData(nameof(Places))]
    public void The_levels_around_an_event_do_not_count(string field, int outside)
    {
        foreach (var (levels, reason) in ((int, FaultReason)[])[(EventLimits.DepthMax, FaultReason.None), (EventLimits.DepthMax + 1, FaultReason.TooDeep)])
        {
            var text = With(field, Nested(levels - outside, "[", "1", "]"));
            var body = ("{\"events\":[" + text + "]}").Bytes();
            var reader = new Utf8JsonReader(body, EventParser.ReaderOptions);
            for (var i = 0; i < 4; i++)
                reader.Read();
            var parsed = default(ParsedEvent);
            Assert.Equal(reason, EventParser.ReadEvent(ref reader, body, ref parsed).Reason);
        }
    }

    [Fact]
    public void Nesting_deeper_than_the_reader_allows_is_refused_without_harm()
    {
        var text = "{\"data\":" + new string('[', 400_000);
        Assert.Equal(FaultReason.MalformedJson, Fault(text).Reason);
    }

    static string Nested(int levels, string open, string inner, string close) =>
        string.Concat(Enumerable.Repeat(open, levels)) + inner + string.Concat(Enumerable.Repeat(close, levels));
}
