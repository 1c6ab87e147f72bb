using Pipeline.Processors.Failures;

namespace Pipeline.Processors.Tests.Failures;

public sealed class FailureLimitTests
{
    readonly ManualClock _clock = new(DateTimeOffset.UnixEpoch);

    [Fact]
    public void One_more_than_the_limit_within_a_minute_stops_the_processor()
    {
        var limit = new FailureLimit(3, _clock);
        for (var i = 0; i < 3; i++)
            limit.Note(new InvalidOperationException());
        var cause = new InvalidOperationException("the bug");
        Assert.Same(cause, Assert.Throws<ProcessorFaultyException>(() => limit.Note(cause)).InnerException);
    }

    [Fact]
    public void Failures_that_come_slowly_never_do()
    {
        var limit = new FailureLimit(3, _clock);
        for (var i = 0; i < 100; i++)
        {
            limit.Note(new InvalidOperationException());
            _clock.Advance(TimeSpan.FromSeconds(21));
        }
    }
}
