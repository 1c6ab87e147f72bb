using Pipeline.Processors.Failures;

namespace Pipeline.Processors.Tests.Failures;

public sealed class FailureLimitTests
{
    readonly ManualClock _clock = new(DateTimeOffset.UnixEpoch);

    static Confluent.Kafka.TopicPartitionOffset Record(long offset) => new("t", 0, offset);

    [Fact]
    public void A_record_that_is_read_again_counts_once()
    {
        var limit = new FailureLimit(3, _clock);
        for (var i = 0; i < 100; i++)
            limit.Note(Record(i % 3), new InvalidOperationException());
        Assert.Throws<ProcessorFaultyException>(() => limit.Note(Record(3), new InvalidOperationException()));
    }

    [Fact]
    public void One_more_than_the_limit_within_a_minute_stops_the_processor()
    {
        var limit = new FailureLimit(3, _clock);
        for (var i = 0; i < 3; i++)
            limit.Note(Record(i), new InvalidOperationException());
        var cause = new InvalidOperationException("the bug");
        Assert.Same(cause, Assert.Throws<ProcessorFaultyException>(() => limit.Note(Record(3), cause)).InnerException);
    }

    [Fact]
    public void Failures_that_come_slowly_never_do()
    {
        var limit = new FailureLimit(3, _clock);
        for (var i = 0; i < 100; i++)
        {
            limit.Note(Record(i), new InvalidOperationException());
            _clock.Advance(TimeSpan.FromSeconds(21));
        }
    }
}
