using Pipeline.Ingest.Statistics;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Ingest.Tests.Statistics;

public sealed class SeriesWindowTests
{
    static readonly DateTime Now = new(2024, 5, 1, 12, 34, 56, 789, DateTimeKind.Utc);

    [Theory]
    [InlineData("1m", "2024-05-01T12:33:56Z", 1)]
    [InlineData("15m", "2024-05-01T12:19:56Z", 2)]
    [InlineData("1h", "2024-05-01T11:34:50Z", 10)]
    [InlineData("24h", "2024-04-30T12:30:00Z", 300)]
    [InlineData("1d", "2024-04-30T12:30:00Z", 300)]
    [InlineData("7d", "2024-04-24T12:30:00Z", 1800)]
    [InlineData("90d", "2024-02-01T12:00:00Z", 21_600)]
    [InlineData("366d", "2023-05-01T00:00:00Z", 86_400)]
    public void A_range_ends_now_and_begins_with_a_whole_step(string range, string from, int step)
    {
        Assert.Null(SeriesWindow.Read(range, null, null, Now, out var window));
        Assert.Equal((range, from, Now, step), (window.Text, window.From.ToString("yyyy-MM-ddTHH:mm:ssK"), window.To, (int)window.Step.TotalSeconds));
    }

    [Fact]
    public void Without_any_it_is_the_last_24_hours()
    {
        Assert.Null(SeriesWindow.Read(null, null, null, Now, out var window));
        Assert.Equal("24h", window.Text);
    }

    [Fact]
    public void From_and_to_are_taken_as_they_are()
    {
        Assert.Null(SeriesWindow.Read(null, "2024-05-01T14:00:00.5+02:00", "2024-05-01T13:00:00Z", Now, out var window));
        Assert.Equal(("2024-05-01T12:00:00.5Z/2024-05-01T13:00:00Z", TimeSpan.FromSeconds(10)), (window.Text, window.Step));
        Assert.Equal(new DateTime(2024, 5, 1, 12, 0, 0, 500, DateTimeKind.Utc), window.From);
        Assert.Null(SeriesWindow.Read(null, "2024-05-01T12:34:56Z", null, Now, out var open));
        Assert.Equal((Now, "2024-05-01T12:34:56Z/2024-05-01T12:34:56.789Z"), (open.To, open.Text));
    }

    [Theory]
    [InlineData("0h")]
    [InlineData("h")]
    [InlineData("24")]
    [InlineData("")]
    [InlineData("-1h")]
    [InlineData("+1h")]
    [InlineData(" 1h")]
    [InlineData("1.5h")]
    [InlineData("1H")]
    [InlineData("1w")]
    [InlineData("24h,24h")]
    [InlineData("367d")]
    [InlineData("999999d")]
    [InlineData("99999999999d")]
    [InlineData("２４h")]
    [InlineData("now()")]
    public void Another_range_is_refused_with_what_is_allowed(string range)
    {
        var problem = SeriesWindow.Read(range, null, null, Now, out _);
        Assert.Equal((400, "invalid_range", "range"), (problem!.Status, problem.Code, problem.Parameter));
        Assert.Contains("m, h or d", problem.Detail, StringComparison.Ordinal);
        Assert.Contains("366d", problem.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("24h", "2024-05-01T00:00:00Z", null, "invalid_range", "range")]
    [InlineData(null, null, "2024-05-01T00:00:00Z", "invalid_range", "from")]
    [InlineData(null, "2024-05-02T00:00:00Z", null, "invalid_range", "from")]
    [InlineData(null, "2024-05-01T00:00:00Z", "2024-05-01T00:00:00Z", "invalid_range", "from")]
    [InlineData(null, "2023-01-01T00:00:00Z", "2024-01-02T00:00:01Z", "invalid_range", "from")]
    [InlineData(null, "1969-12-31T00:00:00Z", "1970-01-02T00:00:00Z", "invalid_range", "from")]
    [InlineData(null, "2261-12-31T00:00:00Z", "2262-01-01T00:00:01Z", "invalid_range", "from")]
    [InlineData(null, "yesterday", null, "invalid_time", "from")]
    [InlineData(null, "2024-05-01T00:00:00Z", "2024-05-01", "invalid_time", "to")]
    public void Times_that_make_no_window_are_refused(string? range, string? from, string? to, string code, string parameter)
    {
        var problem = SeriesWindow.Read(range, from, to, Now, out _);
        Assert.Equal((400, code, parameter), (problem!.Status, problem.Code, problem.Parameter));
    }

    [Fact]
    public void Whatever_the_window_its_steps_are_as_fine_as_500_points_allow()
    {
        var random = Seeds.Next();
        int[] steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];
        for (var round = 0; round < 10_000; round++)
        {
            var from = DateTime.UnixEpoch.AddTicks(random.NextInt64(TimeSpan.TicksPerDay * 100_000) / 10 * 10);
            var to = from.AddTicks(1 + (long)(Math.Pow(random.NextDouble(), 4) * (366 * TimeSpan.TicksPerDay - 1)) / 10 * 10);
            to = to.AddTicks((10 - to.Ticks % 10) % 10);
            Assert.Null(SeriesWindow.Read(null, from.ToString("O"), to.ToString("O"), Now, out var window));
            var step = (int)window.Step.TotalSeconds;
            Assert.InRange(Points(step), 1, 500);
            Assert.All(steps.TakeWhile(s => s < step), finer => Assert.InRange(Points(finer), 501, long.MaxValue));

            // Counted plainly: one for each step from the one that holds the first moment to the one that holds the last.
            long Points(int s) => (long)(Math.Floor((decimal)((to - DateTime.UnixEpoch).Ticks - 1) / (s * TimeSpan.TicksPerSecond)) - Math.Floor((decimal)(from - DateTime.UnixEpoch).Ticks / (s * TimeSpan.TicksPerSecond))) + 1;
        }
    }
}
