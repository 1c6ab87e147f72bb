using Pipeline.Contracts.Events;
using Pipeline.Oracle;

namespace Pipeline.Contracts.Tests.Events;

/// <summary>What the oracle's traces and its hand-made day hold is accepted: a figure that differs is never one of an event that was refused.</summary>
public sealed class TraceTests
{
    [Fact]
    public void Every_event_of_the_traces_and_of_the_hand_made_day_is_valid()
    {
        var events = Enumerable.Range(0, 40).SelectMany(seed => Traces.Of(seed).Select((e, i) => (Name: $"seed {seed}, event {i}", Event: e)))
            .Concat(HandMadeDay.Events.Select((e, i) => (Name: $"hand-made day, event {i}", Event: e))).ToList();
        Assert.True(events.Count > 10_000);
        foreach (var (name, e) in events)
        {
            var parsed = default(ParsedEvent);
            Assert.Equal((name, EventFault.None), (name, EventParser.Parse(e.Bytes, ref parsed)));
            Assert.True(OccurredAt.TryResolve(parsed.TimestampUs, e.SentAt is { } sent ? Us(sent) : null, Us(e.ReceivedAt), out _, out _), name);
        }
    }

    static long Us(DateTimeOffset time) => time.ToUnixTimeMilliseconds() * 1000;
}
