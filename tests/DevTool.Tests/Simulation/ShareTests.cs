using Pipeline.DevTool.Simulation;

namespace Pipeline.DevTool.Tests.Simulation;

/// <summary>There is as much of everything as was asked for.</summary>
public sealed class ShareTests
{
    static readonly SimulationOptions Options = new() { Users = 20, Days = 14, Projects = 4, Until = Seen.Until };

    [Theory]
    [InlineData(3)]
    [InlineData(20)]
    [InlineData(120)]
    [InlineData(1500)]
    public void An_hour_of_work_has_about_as_many_events_as_the_rate_says(double rate)
    {
        var options = Options with { Rate = rate, Users = rate < 10 ? 200 : 20, Days = 28 };
        Assert.InRange(new SimulatedWork(options).Events().Count() / Schedule.WorkedHours(options), 0.9 * rate, 1.1 * rate);
    }

    [Fact]
    public void The_rate_changes_the_density_and_not_who_works_when()
    {
        static List<(int, long)> Hours(SimulationOptions options) => [.. new SimulatedWork(options).Events().Select(e => (e.User, e.OccurredAtMs / 3_600_000)).Distinct().Order()];
        var (thin, dense) = (Hours(Options with { Rate = 60 }), Hours(Options with { Rate = 600 }));
        Assert.Empty(thin.Except(dense));
        // In an hour of which somebody worked only a minute, the thin run may have no event.
        Assert.InRange(thin.Count / (double)dense.Count, 0.95, 1);
    }

    [Fact]
    public void A_number_of_events_chooses_the_rate()
    {
        var year = new SimulationOptions { Users = 300, Days = 365, Projects = 30, Presence = 0.02, Until = Seen.Until };
        Assert.InRange(new SimulatedWork(year.WithEvents(100_000)).Events().Count(), 90_000, 110_000);
        Assert.Equal(year.WithEvents(100_000).Rate * 5, year.WithEvents(500_000).Rate, 6);
        var weekend = new SimulationOptions { Days = 1, Until = new(2026, 11, 22, 12, 0, 0, TimeSpan.Zero) };
        Assert.Throws<FailureException>(() => weekend.WithEvents(1000));
    }

    [Fact]
    public void Presence_thins_out_the_days_of_work()
    {
        var options = Options with { Users = 200, Days = 70 };
        Assert.InRange(Schedule.WorkedHours(options with { Presence = 0.1 }) / Schedule.WorkedHours(options), 0.08, 0.12);
    }

    [Fact]
    public void Late_events_are_those_that_arrive_after_five_minutes()
    {
        Assert.InRange(Share(Options with { LateShare = 0.05 }, IsLate), 0.045, 0.055);
        Assert.Equal(0, Share(Options, IsLate));

        static bool IsLate(SimulatedEvent e) => e.ArrivedAtMs - e.OccurredAtMs > 5 * 60_000;
    }

    [Fact]
    public void A_repeat_has_the_bytes_of_an_event_that_came_before()
    {
        var seen = new HashSet<string>();
        int repeats = 0, all = 0;
        foreach (var e in Seen.Of(Options with { DuplicateShare = 0.1, LateShare = 0.1 }))
        {
            Assert.Equal(e.Event.IsRepeat, !seen.Add(e.ToString()));
            repeats += e.Event.IsRepeat ? 1 : 0;
            all++;
        }
        Assert.InRange(repeats / (double)(all - repeats), 0.095, 0.105);
        Assert.Equal(0, Share(Options, e => e.IsRepeat));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.1, 2)]
    [InlineData(1, 20)]
    public void Wrong_clocks_fall_to_a_share_of_the_users(double share, int users)
    {
        var skews = new SimulatedWork(Options with { SkewShare = share }).Events().GroupBy(e => e.User).Select(user => user.Select(e => e.SkewMs).Distinct().Single()).ToList();
        Assert.Equal(20, skews.Count);
        Assert.Equal(users, skews.Count(skew => skew != 0));
        Assert.All(skews.Where(skew => skew != 0), skew => Assert.InRange(Math.Abs(skew), 30_000, 6 * 3_600_000));
    }

    static double Share(SimulationOptions options, Func<SimulatedEvent, bool> isOne)
    {
        int n = 0, all = 0;
        foreach (var e in new SimulatedWork(options).Events())
        {
            n += isOne(e) ? 1 : 0;
            all++;
        }
        return n / (double)all;
    }
}
