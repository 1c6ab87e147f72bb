using Pipeline.Contracts.Events;

namespace Pipeline.Contracts.Tests.Events;

public sealed class OccurredAtTests
{
    const long Second = 1_000_000, Hour = 3600 * Second;
    const long Received = 1_704_067_200 * Second;

    [Theory]
    [InlineData(-Hour, null, -Hour, false)]
    [InlineData(-Hour, 0L, -Hour, false)]
    [InlineData(-Hour, 5 * Second, -Hour, false)]
    [InlineData(-Hour, -5 * Second, -Hour, false)]
    [InlineData(-Hour, (5 * Second) + 1, -Hour - (5 * Second) - 1, true)]
    [InlineData(-Hour, (-5 * Second) - 1, -Hour + (5 * Second) + 1, true)]
    // A clock that is two hours ahead: ten minutes old when it was sent.
    [InlineData((2 * Hour) - (600 * Second), 2 * Hour, -600 * Second, true)]
    // Dated after it was sent: as if it had just happened.
    [InlineData(3 * Hour, 2 * Hour, 0L, true)]
    public void Corrects_only_a_clock_that_is_visibly_wrong(long timestamp, long? sentAt, long occurredAt, bool corrected)
    {
        Assert.True(OccurredAt.TryResolve(Received + timestamp, Received + sentAt, Received, out var result, out var wasCorrected));
        Assert.Equal(occurredAt, result - Received);
        Assert.Equal(corrected, wasCorrected);
    }

    [Theory]
    [InlineData(24 * Hour, true)]
    [InlineData((24 * Hour) + 1, false)]
    [InlineData(-20 * 365 * 24 * Hour, true)]
    [InlineData((946_684_800 * Second) - Received, true)]
    [InlineData((946_684_800 * Second) - Received - 1, false)]
    public void Takes_what_lies_between_2000_and_a_day_after_receipt(long timestamp, bool valid) =>
        Assert.Equal(valid, OccurredAt.TryResolve(Received + timestamp, null, Received, out _, out _));

    [Theory]
    [InlineData("0001-01-01T00:00:00+23:59")]
    [InlineData("9999-12-31T23:59:60-23:59")]
    public void The_ends_of_the_calendar_overflow_nothing(string time)
    {
        Assert.True(Rfc3339.TryParse(System.Text.Encoding.ASCII.GetBytes(time), out var us));
        Assert.False(OccurredAt.TryResolve(us, null, Received, out _, out _));
        // Sent at the wrong end of time: the age at sending is nothing or too much, and never an overflow.
        OccurredAt.TryResolve(us, -us, Received, out _, out _);
        OccurredAt.TryResolve(-us, us, Received, out _, out _);
    }
}
