using System.Globalization;
using Pipeline.Oracle;

namespace Pipeline.Pipeline.Tests.Metrics;

/// <summary>The corners of slots, sessions and buckets. What is expected stands as a literal, worked out from the definition.</summary>
public sealed class OracleTimeTests
{
    [Fact]
    public void Slots_exactly_the_gap_apart_are_joined_and_one_slot_more_is_not()
    {
        Assert.Equal(110, ActiveS(100, "12:00:00", "12:01:40"));
        Assert.Equal(20, ActiveS(100, "12:00:00", "12:01:50"));
        Assert.Equal(120, ActiveS(110, "12:00:00", "12:01:50"));
        Assert.Equal(120, ActiveS(119, "12:00:09.999999", "12:01:50"));
        Assert.Equal(20, ActiveS(100, "12:00:09.999999", "12:01:50"));

        static long ActiveS(int gapS, params string[] times) => Of(times).User("u", new Question { GapS = gapS }).ActiveTimeS!.Value;
    }

    [Fact]
    public void Thirty_minutes_are_one_session_and_ten_seconds_more_are_two()
    {
        var joined = Of("12:00:00", "12:30:00").User("u");
        var parted = Of("12:00:00", "12:30:10").User("u");
        Assert.Equal((1, 1810, 1790), (joined.Sessions, joined.SessionTimeS, joined.IdleTimeS));
        Assert.Equal((2, 20, 0), (parted.Sessions, parted.SessionTimeS, parted.IdleTimeS));
    }

    [Theory]
    [InlineData("1800000", 1810, 0)]
    [InlineData("1800000.001", 10, 1)]
    [InlineData("0", 10, 0)]
    [InlineData("0.0004", 10, 0)]
    [InlineData("0.0005", 20, 0)]
    [InlineData("-0.001", 10, 1)]
    public void A_duration_occupies_the_slots_from_its_start_to_its_end(string ms, long activeS, long outliers)
    {
        var figures = MetricsOracle.Of([Raw.Load("2024-05-06T12:00:00Z", ms)]).User("u");
        Assert.Equal((activeS, outliers), (figures.ActiveTimeS, figures.DurationOutliers));
    }

    [Fact]
    public void A_session_over_the_edge_of_a_window_counts_where_it_starts_and_its_time_where_its_slots_are()
    {
        // 11:59:30 and 12:01:00 are 90 s apart: slots 11:59:30 to 12:01:00 are active, three of them before noon.
        var oracle = Of("11:59:30", "12:01:00");
        var before = oracle.User("u", new Question { Window = Window.Of("2024-05-06T11:45:00Z", "2024-05-06T12:00:00Z") });
        var after = oracle.User("u", new Question { Window = Window.Of("2024-05-06T12:00:00Z", "2024-05-06T12:15:00Z") });
        Assert.Equal((1, 30, 30, 1), (before.Sessions, before.SessionTimeS, before.ActiveTimeS, before.Events));
        Assert.Equal((0, 70, 70, 1), (after.Sessions, after.SessionTimeS, after.ActiveTimeS, after.Events));
    }

    [Fact]
    public void A_window_between_two_events_holds_time_without_events()
    {
        var figures = Of("11:40:00", "12:09:00").User("u", new Question { Window = Window.Of("2024-05-06T11:45:00Z", "2024-05-06T12:00:00Z") });
        Assert.Equal((0, 0, 900, 0, 1m), (figures.Events, figures.ActiveTimeS, figures.SessionTimeS, figures.ActiveUsers, figures.IdleRatio));
    }

    [Fact]
    public void A_users_projects_are_united_before_gaps_are_filled_and_a_project_knows_only_its_own()
    {
        var oracle = MetricsOracle.Of([
            Raw.Click("2024-05-06T12:00:00Z", project: "p"), Raw.Click("2024-05-06T12:01:30Z", project: "q"), Raw.Click("2024-05-06T12:03:00Z", project: "p"),
            Raw.Click("2024-05-06T12:00:00Z", user: "v", project: "p"),
        ]);
        Assert.Equal(190, oracle.User("u").ActiveTimeS);
        Assert.Equal(20, oracle.User("u", new Question { Projects = ["p"] }).ActiveTimeS);
        Assert.Equal(30, oracle.Project("p").ActiveTimeS);
        Assert.Equal(10, oracle.Project("q").ActiveTimeS);
        Assert.Equal(200, oracle.Ask(new Question { Projects = ["p", "q"] }).ActiveTimeS);
    }

    [Theory]
    [InlineData("Europe/Berlin", "2024-03-31T12:00:00Z", "2024-03-30T23:00:00Z", 23)]
    [InlineData("Europe/Berlin", "2024-10-27T12:00:00Z", "2024-10-26T22:00:00Z", 25)]
    [InlineData("America/New_York", "2024-11-03T12:00:00Z", "2024-11-03T04:00:00Z", 25)]
    [InlineData("Australia/Lord_Howe", "2024-10-06T00:00:00Z", "2024-10-05T13:30:00Z", 23.5)]
    [InlineData("Asia/Kathmandu", "2024-05-06T00:00:00Z", "2024-05-05T18:15:00Z", 24)]
    // Cairo's clocks went from 00:00 to 01:00: that day had no midnight and begins at 01:00.
    [InlineData("Africa/Cairo", "2024-04-26T12:00:00Z", "2024-04-25T22:00:00Z", 23)]
    // Havana's went from 01:00 back to 00:00: that day has two midnights and begins at the first.
    [InlineData("America/Havana", "2024-11-03T12:00:00Z", "2024-11-03T04:00:00Z", 25)]
    // St. John's went at 00:01 back to 23:01: that day began, ended and began again.
    [InlineData("America/St_Johns", "2010-11-07T12:00:00Z", "2010-11-07T02:30:00Z", 25)]
    public void A_day_is_as_long_as_its_zone_makes_it(string zone, string at, string start, double hours)
    {
        var noon = DateTimeOffset.Parse(at, CultureInfo.InvariantCulture);
        var window = new Window(noon.AddDays(-2), noon.AddDays(2));
        var day = Of(at).Series(new Question { Window = window }, BucketSize.Day, Zone(zone)).Single(b => b.Figures.Events == 1);
        Assert.Equal(DateTimeOffset.Parse(start, CultureInfo.InvariantCulture), day.Start);
        Assert.Equal(hours, (day.Window.To! - day.Window.From!).Value.TotalHours);
    }

    [Fact]
    public void Hours_begin_at_full_hours_of_the_zone_and_the_hour_that_comes_twice_is_two()
    {
        Assert.Equal(["09:15", "10:15"], Starts(BucketSize.Hour, "Asia/Kathmandu", "2024-05-06T09:30:00Z", "2024-05-06T11:15:00Z"));
        Assert.Equal(["04:00", "05:00", "06:00", "07:00"], Starts(BucketSize.Hour, "America/New_York", "2024-11-03T04:00:00Z", "2024-11-03T08:00:00Z"));
        Assert.Equal(["06:00", "07:00"], Starts(BucketSize.Hour, "America/New_York", "2024-03-10T06:00:00Z", "2024-03-10T08:00:00Z"));
    }

    [Fact]
    public void Weeks_begin_on_monday_and_the_first_and_last_are_cut_by_the_window()
    {
        var weeks = Of("12:00:00").Series(new Question { Window = Window.Of("2024-03-28T00:00:00Z", "2024-04-09T00:00:00Z") }, BucketSize.Week, Zone("Europe/Berlin"));
        Assert.Equal(
            [("2024-03-24 23:00", "2024-03-28 00:00", "2024-03-31 22:00"), ("2024-03-31 22:00", "2024-03-31 22:00", "2024-04-07 22:00"), ("2024-04-07 22:00", "2024-04-07 22:00", "2024-04-09 00:00")],
            weeks.Select(w => (Minute(w.Start), Minute(w.Window.From!.Value), Minute(w.Window.To!.Value))));

        static string Minute(DateTimeOffset time) => time.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
    }

    [Fact]
    public void An_open_series_begins_with_the_first_slot_and_not_with_the_first_event()
    {
        var series = MetricsOracle.Of([Raw.Load("2024-05-06T12:00:05Z", "10000")]).Series(new Question(), BucketSize.Hour, TimeZoneInfo.Utc);
        Assert.Equal([(11, 10L, 0L), (12, 10L, 1L)], series.Select(b => (b.Start.Hour, b.Figures.ActiveTimeS!.Value, b.Figures.Events)));
        Assert.Empty(MetricsOracle.Of([]).Series(new Question(), BucketSize.Hour, TimeZoneInfo.Utc));
    }

    [Fact]
    public void Windows_off_the_quarter_hour_and_gaps_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentException>(() => Window.Of("2024-05-06T12:01:00Z", "2024-05-06T13:00:00Z"));
        Assert.Throws<ArgumentOutOfRangeException>(() => Of("12:00:00").User("u", new Question { GapS = 29 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Of("12:00:00").User("u", new Question { GapS = 601 }));
    }

    static List<string> Starts(BucketSize size, string zone, string from, string to) =>
        [.. Of(from).Series(new Question { Window = Window.Of(from, to) }, size, Zone(zone)).Select(b => b.Start.ToString("HH:mm", CultureInfo.InvariantCulture))];

    static TimeZoneInfo Zone(string name) => TimeZoneInfo.FindSystemTimeZoneById(name);

    /// <summary>Clicks at these times, of 6 May 2024 where they name no date.</summary>
    static MetricsOracle Of(params string[] times) => MetricsOracle.Of(times.Select(t => Raw.Click(t.Contains('T', StringComparison.Ordinal) ? t : $"2024-05-06T{t}Z")));
}
