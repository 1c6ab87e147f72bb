using System.ComponentModel.DataAnnotations;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Failures;

namespace Pipeline.Processors.Tests.Failures;

public sealed class DeadLetterQuotaTests
{
    static readonly DateTimeOffset Start = new(2024, 1, 1, 0, 0, 0, TimeSpan.Zero);
    readonly ManualClock _clock = new(Start);

    [Fact]
    public void A_tenant_that_nobody_counted_floods_nothing() => Assert.Empty(Quota().Flooding());

    [Theory]
    [InlineData(1998, 999, false)]
    [InlineData(1000, 1000, true)]
    [InlineData(2000, 1000, true)]
    [InlineData(2001, 1000, false)]
    [InlineData(1_000_000, 400_000, false)]
    public void It_takes_both_the_number_and_the_share(long records, long deadLetters, bool floods)
    {
        var quota = Quota();
        quota.Count("t", records, deadLetters);
        Assert.Equal(floods, quota.Flooding().Count == 1);
    }

    [Fact]
    public void A_flood_is_told_with_its_figures_and_until_one_window_after_it_was_last_seen()
    {
        var quota = Quota();
        quota.Count("t", 700, 700);
        _clock.Advance(TimeSpan.FromSeconds(10));
        quota.Count("t", 500, 300);
        Assert.Equal([new Flood("t", 1000, 1200, Start.AddSeconds(70))], quota.Flooding());
        _clock.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal([new Flood("t", 1000, 1200, Start.AddSeconds(70))], quota.Flooding());
        quota.Count("t", 1, 1);
        Assert.Equal([new Flood("t", 1001, 1201, Start.AddSeconds(90))], quota.Flooding());
    }

    [Fact]
    public void It_ends_by_itself()
    {
        var quota = Quota();
        quota.Count("t", 1000, 1000);
        _clock.Advance(TimeSpan.FromSeconds(60) - TimeSpan.FromTicks(1));
        Assert.Single(quota.Flooding());
        _clock.Advance(TimeSpan.FromTicks(1));
        Assert.Empty(quota.Flooding());
        quota.Count("t", 1, 1);
        Assert.Empty(quota.Flooding());
    }

    [Fact]
    public void Good_records_do_not_draw_it_out()
    {
        var quota = Quota();
        quota.Count("t", 5000, 5000);
        _clock.Advance(TimeSpan.FromSeconds(30));
        quota.Count("t", 100, 0);
        Assert.Equal(Start.AddSeconds(60), Assert.Single(quota.Flooding()).Until);
    }

    [Fact]
    public void What_comes_slowly_is_never_a_flood()
    {
        var quota = Quota();
        for (var i = 0; i < 1000; i++)
        {
            quota.Count("t", 80, 80);
            Assert.Empty(quota.Flooding());
            _clock.Advance(TimeSpan.FromSeconds(5));
        }
    }

    [Fact]
    public void Tenants_do_not_answer_for_each_other()
    {
        var quota = Quota();
        quota.Count("b", 2000, 2000);
        quota.Count("a", 5000, 1000);
        quota.Count("B", 1500, 1500);
        Assert.Equal(["B", "b"], quota.Flooding().Select(f => f.Tenant).Order(StringComparer.Ordinal));
        // The good records of one would have made the other's share small.
        Assert.Equal([2000, 1500], quota.Flooding().Select(f => f.DeadLetters).OrderDescending());
    }

    [Fact]
    public void Of_too_many_tenants_the_one_silent_longest_is_forgotten_and_a_flood_last()
    {
        var quota = Quota(new DeadLetterQuotaOptions { TenantsMax = 3 });
        foreach (var (tenant, deadLetters) in ((string, long)[])[("flood", 1000), ("silent", 999), ("loud", 999)])
        {
            quota.Count(tenant, deadLetters, deadLetters);
            _clock.Advance(TimeSpan.FromSeconds(1));
        }
        quota.Count("new", 1, 1);
        quota.Count("loud", 1, 1);
        quota.Count("silent", 1, 1);
        Assert.Equal(["flood", "loud"], quota.Flooding().Select(f => f.Tenant));
    }

    [Fact]
    public void It_counts_what_a_list_of_everything_would()
    {
        var random = Seeds.Next();
        var options = new DeadLetterQuotaOptions { Window = TimeSpan.FromSeconds(12), DeadLettersMin = 10, Ratio = 0.5 };
        var quota = Quota(options);
        var all = new List<(long Second, string Tenant, int Records, int DeadLetters)>();
        var trips = new Dictionary<string, long>();
        var floods = 0;
        for (long second = 0; second < 5000;)
        {
            var (tenant, records) = ($"t{random.Next(3)}", random.Next(8));
            var deadLetters = random.Next(records + 1);
            quota.Count(tenant, records, deadLetters);
            all.Add((second, tenant, records, deadLetters));
            // Parts of one second: the present one and the eleven before it.
            var seen = all.Where(c => c.Tenant == tenant && c.Second > second - 12).ToList();
            if (deadLetters > 0 && seen.Sum(c => c.DeadLetters) >= 10 && seen.Sum(c => c.DeadLetters) >= 0.5 * seen.Sum(c => c.Records))
                trips[tenant] = second;
            var expected = trips.Where(t => second - t.Value < 12).Select(t => (t.Key, Start.AddSeconds(t.Value + 12))).Order().ToList();
            Assert.Equal(expected, quota.Flooding().Select(f => (f.Tenant, f.Until)));
            floods += expected.Count;
            var pause = random.Next(4) == 0 ? random.Next(30) : random.Next(2);
            second += pause;
            _clock.Advance(TimeSpan.FromSeconds(pause));
            all.RemoveAll(c => c.Second < second - 12);
        }
        Assert.True(floods > 100, $"{floods} floods seen: too few to say anything");
    }

    [Fact]
    public void Counting_from_many_threads_loses_nothing()
    {
        var quota = Quota();
        Parallel.For(0, 1000, _ => quota.Count("t", 2, 1));
        Assert.Equal((1000, 2000), quota.Flooding() is [{ } flood] ? (flood.DeadLetters, flood.Records) : default);
    }

    [Fact]
    public void The_defaults_are_valid()
    {
        var options = new DeadLetterQuotaOptions();
        Validator.ValidateObject(options, new ValidationContext(options), validateAllProperties: true);
        Assert.Equal((TimeSpan.FromSeconds(60), 1000, 0.5, 1000), (options.Window, options.DeadLettersMin, options.Ratio, options.TenantsMax));
    }

    DeadLetterQuota Quota(DeadLetterQuotaOptions? options = null) => new(options ?? new DeadLetterQuotaOptions(), _clock);
}
