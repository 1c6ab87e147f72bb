using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Postgres.Events;
using static Pipeline.Sinks.Tests.Postgres.Events.Rows;

namespace Pipeline.Sinks.Tests.Postgres.Events;

public sealed class ActivityBucketsTests
{
    const long Minute = 60_000_000;

    [Fact]
    public void Any_order_and_any_cut_give_the_same_sums()
    {
        var random = Seeds.Next();
        var rows = Enumerable.Range(0, 2000).Select(i => Row(i, user: $"u{random.Next(5)}", project: $"p{random.Next(3)}", durationMs: random.Next(6) == 0 ? double.NaN : random.NextDouble() * 2_000_000,
            occurredAtUs: Monday + random.NextInt64(-100 * Minute, 100 * Minute), success: random.Next(2) == 0, annotationType: $"a{random.Next(2)}")).ToArray();
        var expected = Sums(rows);
        for (var round = 0; round < 5; round++)
        {
            random.Shuffle(rows);
            Assert.Equal(expected, Sums(rows));
            var cut = random.Next(rows.Length);
            Assert.Equal(expected, Merge(Sums(rows[..cut]), Sums(rows[cut..])));
        }
    }

    [Theory]
    [InlineData(0, 1, 0, 0)]
    [InlineData(-0.0, 1, 0, 0)]
    [InlineData(1_800_000, 1, 1_800_000_000, 0)]
    [InlineData(1_800_000.0001, 0, 0, 1)]
    [InlineData(1_800_000.001, 0, 0, 1)]
    [InlineData(-0.001, 0, 0, 1)]
    [InlineData(-1, 0, 0, 1)]
    [InlineData(1e300, 0, 0, 1)]
    [InlineData(double.NaN, 0, 0, 0)]
    [InlineData(0.0005, 1, 1, 0)]
    [InlineData(0.0015, 1, 2, 0)]
    [InlineData(0.0025, 1, 3, 0)]
    [InlineData(0.00049, 1, 0, 0)]
    [InlineData(1.5, 1, 1500, 0)]
    public void Durations_count_within_half_an_hour_and_round_half_up(double ms, long durations, long us, long outliers)
    {
        var sums = Assert.Single(Buckets(Row(1, durationMs: ms)).InKeyOrder()).Value;
        Assert.Equal((1, durations, us, outliers), (sums.Events, sums.Durations, sums.DurationUs, sums.DurationOutliers));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData((15 * Minute) - 1, 0)]
    [InlineData(15 * Minute, 15 * Minute)]
    [InlineData(-1, -15 * Minute)]
    [InlineData(-Monday - 1, -Monday - (15 * Minute))]
    public void Buckets_are_quarters_of_an_hour(long occurred, long bucket) =>
        Assert.Equal(Monday + bucket, Assert.Single(Buckets(Row(1, occurredAtUs: Monday + occurred)).InKeyOrder()).Key.BucketUs);

    [Fact]
    public void First_last_and_success_are_kept()
    {
        var buckets = Buckets(Row(1, occurredAtUs: Monday + 5), Row(2, occurredAtUs: Monday + 3, success: false), Row(3, occurredAtUs: Monday + 9));
        var sums = Assert.Single(buckets.InKeyOrder()).Value;
        Assert.Equal((3, 2, Monday + 3, Monday + 9), (sums.Events, sums.Succeeded, sums.FirstUs, sums.LastUs));
    }

    [Fact]
    public void Rows_come_in_the_order_of_the_tables_key()
    {
        var random = Seeds.Next();
        string[] names = ["", "a", "A", "b", "é", "\uE000", "😀", "aa", "~"];
        var buckets = new ActivityBuckets();
        for (var i = 0; i < 500; i++)
            buckets.Add(Row(i, tenant: names[random.Next(names.Length)], user: names[random.Next(names.Length)], project: names[random.Next(names.Length)]));
        var keys = buckets.InKeyOrder().Select(b => (b.Key.Tenant, b.Key.UserId, b.Key.ProjectId)).ToList();
        Assert.Equal(keys.Count, keys.Distinct().Count());
        // One order for every writer is what matters; it is not PostgreSQL's where a text leaves the basic plane.
        Assert.Equal(keys.OrderBy(k => k.Tenant, StringComparer.Ordinal).ThenBy(k => k.UserId, StringComparer.Ordinal).ThenBy(k => k.ProjectId, StringComparer.Ordinal), keys);
    }

    static ActivityBuckets Buckets(params IEnumerable<EventRow> rows)
    {
        var buckets = new ActivityBuckets();
        foreach (var row in rows)
            buckets.Add(row);
        return buckets;
    }

    static SortedDictionary<string, (long Events, long Succeeded, long Durations, long Us, long Outliers, long First, long Last)> Sums(IEnumerable<EventRow> rows)
    {
        var sums = new SortedDictionary<string, (long, long, long, long, long, long, long)>(StringComparer.Ordinal);
        foreach (var (key, s) in Buckets(rows).InKeyOrder())
            sums.Add(key.ToString(), (s.Events, s.Succeeded, s.Durations, s.DurationUs, s.DurationOutliers, s.FirstUs, s.LastUs));
        return sums;
    }

    static SortedDictionary<string, (long Events, long Succeeded, long Durations, long Us, long Outliers, long First, long Last)> Merge(
        SortedDictionary<string, (long Events, long Succeeded, long Durations, long Us, long Outliers, long First, long Last)> one,
        SortedDictionary<string, (long Events, long Succeeded, long Durations, long Us, long Outliers, long First, long Last)> other)
    {
        foreach (var (key, b) in other)
            one[key] = !one.TryGetValue(key, out var a) ? b : (a.Events + b.Events, a.Succeeded + b.Succeeded, a.Durations + b.Durations, a.Us + b.Us, a.Outliers + b.Outliers,
                Math.Min(a.First, b.First), Math.Max(a.Last, b.Last));
        return one;
    }
}
