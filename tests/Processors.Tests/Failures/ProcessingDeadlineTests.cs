using Pipeline.Processors.Failures;

namespace Pipeline.Processors.Tests.Failures;

public sealed class ProcessingDeadlineTests
{
    readonly ManualClock _clock = new(DateTimeOffset.UnixEpoch);
    readonly List<string> _ended = [];

    ProcessingDeadline Deadline => new(TimeSpan.FromSeconds(30), _clock, _ended.Add);

    [Fact]
    public void What_does_not_come_back_in_time_ends_the_process_once()
    {
        using var running = Deadline.Start("log@7");
        Pass(seconds: 29);
        Assert.Empty(_ended);
        Pass(seconds: 100);
        Assert.Equal(["log@7: not processed within 30 s"], _ended);
    }

    [Fact]
    public void What_came_back_ends_nothing()
    {
        Deadline.Start("log@7").Dispose();
        Pass(seconds: 100);
        Assert.Empty(_ended);
    }

    [Fact]
    public void A_process_that_was_stopped_for_an_hour_is_not_ended_when_it_goes_on()
    {
        using var running = Deadline.Start("log@7");
        Pass(seconds: 10);
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.Empty(_ended);
        Pass(seconds: 15);
        Assert.Empty(_ended);
        Pass(seconds: 10);
        Assert.Single(_ended);
    }

    void Pass(int seconds)
    {
        for (var i = 0; i < seconds; i++)
            _clock.Advance(TimeSpan.FromSeconds(1));
    }
}
