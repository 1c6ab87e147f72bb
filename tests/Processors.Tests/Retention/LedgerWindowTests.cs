using Pipeline.Processors.Retention;
using Pipeline.Sinks.Postgres.Retention;

namespace Pipeline.Processors.Tests.Retention;

public sealed class LedgerWindowTests
{
    static readonly DateTime Now = new(2024, 5, 1, 0, 0, 0, DateTimeKind.Utc);

    static TopicMemory Topic(int? days, string name = "events", bool isBrokersTime = true) => new(name, days is { } d ? TimeSpan.FromDays(d) : null, TimeSpan.FromDays(1), isBrokersTime);

    [Fact]
    public void By_default_ids_are_kept_seven_days_longer_than_the_topic_that_keeps_records_longest()
    {
        var window = LedgerWindow.Of(null, [Topic(3), Topic(30, "long"), Topic(7)]);
        Assert.Equal((TimeSpan.FromDays(37), null), (window.Length, window.Refusal));
        Assert.Equal(TimeSpan.FromDays(1), window.Step);
        Assert.Equal(TimeSpan.FromDays(40), LedgerWindow.Of(TimeSpan.FromDays(40), [Topic(30)]).Length);
        Assert.Null(LedgerWindow.Of(TimeSpan.FromDays(37), [Topic(30)]).Refusal);
    }

    [Fact]
    public void Less_is_refused_with_both_figures_and_the_topic()
    {
        var refusal = LedgerWindow.Of(TimeSpan.FromDays(36.5), [Topic(3), Topic(30, "long")]).Refusal!;
        foreach (var part in (string[])["Pipeline:Retention:Ledger", "36.5 days", "long", "30 days", "2592000000", "37 days"])
            Assert.Contains(part, refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_a_topic_that_keeps_records_for_ever_ids_are_kept_for_ever_and_nothing_else_can_be_configured()
    {
        var window = LedgerWindow.Of(null, [Topic(3), Topic(null, "endless")]);
        Assert.Equal((null, null), (window.Length, window.Refusal));
        var refusal = LedgerWindow.Of(TimeSpan.FromDays(1000), [Topic(3), Topic(null, "endless")]).Refusal!;
        Assert.Contains("endless", refusal, StringComparison.Ordinal);
        Assert.Contains("1000 days", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void The_slowest_log_bounds_what_goes_and_one_without_anything_to_read_bounds_nothing()
    {
        var window = LedgerWindow.Of(null, [Topic(10), Topic(30, "producers", isBrokersTime: false)]);
        Assert.Equal((Now, null), window.Slowest(Now, []));
        var silent = new LogPosition("events", 0, 5, Now.AddYears(-1));
        var busy = new LogPosition("events", 1, 5, Now.AddMinutes(-1));
        var lagging = new LogPosition("events", 2, 5, Now.AddDays(-4));
        Assert.Equal((Now, null), window.Slowest(Now, [new(silent, true), new(lagging, true), new(silent with { NewestLoggedAt = null }, true)]));
        Assert.Equal((Now.AddMinutes(-1), busy), window.Slowest(Now, [new(silent, true), new(busy, false)]));
        Assert.Equal((Now.AddDays(-4), lagging), window.Slowest(Now, [new(busy, false), new(lagging, false), new(silent, true)]));
        // Records of before that are no longer in the topic, a day for their segment: nothing waits longer, read or not.
        Assert.Equal((Now.AddDays(-11), silent), window.Slowest(Now, [new(lagging, false), new(silent, false)]));
        var unread = new LogPosition("events", 3, 0, null);
        Assert.Equal((Now.AddDays(-11), unread), window.Slowest(Now, [new(unread, false), new(lagging, false)]));
        // By a producer's time, and in a topic that nobody consumes any more, it cannot be told where the log is.
        foreach (var topic in (string[])["producers", "former"])
            Assert.Equal(Now.AddDays(-31), window.Slowest(Now, [new(new LogPosition(topic, 0, 1, Now), false)]).At);
    }
}
