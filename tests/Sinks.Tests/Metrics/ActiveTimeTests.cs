using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Metrics;

namespace Pipeline.Sinks.Tests.Metrics;

public sealed class ActiveTimeTests
{
    const long Monday = 1_704_067_200 / ActiveTime.SlotSeconds;

    [Fact]
    public void Slots_between_close_neighbours_count_and_runs_count_where_they_start()
    {
        long[] edges = [100, 110, 120], counted = new long[2], runs = new long[2];
        // 90 bounds the gap to 100 from outside; 108 and 119 are 11 slots apart, which is more than 100 s; 125 is outside.
        ActiveTime.Count([90, 100, 108, 119, 125], 100, edges, counted, runs);
        Assert.Equal([9L, 1L], counted);
        Assert.Equal([0L, 1L], runs);
    }

    [Fact]
    public void Any_slots_gaps_and_buckets_give_what_filling_slot_by_slot_gives()
    {
        var random = Seeds.Next();
        for (var round = 0; round < 500; round++)
        {
            var slots = Enumerable.Range(0, random.Next(0, 60)).Select(_ => (long)random.Next(0, 600)).Distinct().Order().ToList();
            var gap = random.Next(3, 61) * 10;
            var edges = Enumerable.Range(0, random.Next(2, 8)).Select(_ => (long)random.Next(-20, 640)).Distinct().Order().ToArray();
            long[] counted = new long[edges.Length - 1], runs = new long[edges.Length - 1];
            if (edges.Length < 2)
                continue;
            ActiveTime.Count(slots, gap, edges, counted, runs);

            var filled = slots.Zip(slots.Skip(1)).Where(n => (n.Second - n.First) * ActiveTime.SlotSeconds <= gap)
                .SelectMany(n => Enumerable.Range((int)n.First, (int)(n.Second - n.First)).Select(s => (long)s)).Concat(slots).ToHashSet();
            var starts = filled.Where(s => !filled.Contains(s - 1)).ToList();
            for (var i = 0; i < counted.Length; i++)
            {
                Assert.Equal(filled.Count(s => s >= edges[i] && s < edges[i + 1]), counted[i]);
                // Two runs may touch without being one only where the gap is below a slot, which no gap is.
                Assert.Equal(starts.Count(s => s >= edges[i] && s < edges[i + 1]), runs[i]);
            }
            Assert.Equal(filled.Order(), ActiveTime.Runs(slots, gap).SelectMany(r => Enumerable.Range((int)r.First, (int)(r.Last - r.First + 1)).Select(s => (long)s)));
        }
    }

    [Theory]
    [InlineData("UTC")]
    [InlineData("Asia/Kathmandu")]
    [InlineData("Australia/Lord_Howe")]
    [InlineData("America/New_York")]
    public void A_rhythm_has_each_active_slot_in_its_local_hour_and_on_its_local_weekday(string zone)
    {
        var random = Seeds.Next();
        var clocks = TimeZoneInfo.FindSystemTimeZoneById(zone);
        // Around the changes of the clocks in March 2024.
        var (from, to) = (Monday + (70 * 8640), Monday + (100 * 8640));
        var slots = Enumerable.Range(0, 3000).Select(_ => from + random.Next(-500, (30 * 8640) + 500)).Distinct().Order().ToList();
        var rhythm = new Rhythm(clocks, from, to);
        foreach (var (first, last) in ActiveTime.Runs(slots, 600))
            rhythm.AddActive(first, last);
        var local = ActiveTime.Runs(slots, 600).SelectMany(r => Enumerable.Range(0, (int)(r.Last - r.First + 1)).Select(i => r.First + i)).Where(s => s >= from && s < to)
            .Select(s => TimeZoneInfo.ConvertTimeFromUtc(DateTime.UnixEpoch.AddSeconds(s * ActiveTime.SlotSeconds), clocks)).ToList();
        Assert.Equal(Enumerable.Range(0, 24).Select(h => (long)local.Count(t => t.Hour == h)), rhythm.Hours.Select(h => h.ActiveSlots));
        Assert.Equal(Enumerable.Range(1, 7).Select(d => (long)local.Count(t => (int)t.DayOfWeek == d % 7)), rhythm.Weekdays.Select(d => d.ActiveSlots));
        Assert.Equal(local.Select(t => t.Date).Distinct().Count(), rhythm.ActiveDays);
    }

    [Fact]
    public void Bits_of_a_bucket_stand_in_the_order_of_its_slots()
    {
        var random = Seeds.Next();
        for (var round = 0; round < 200; round++)
        {
            var bits = new SlotBits();
            var expected = new bool[SlotBits.Count];
            for (var i = random.Next(4); i >= 0; i--)
            {
                var first = random.Next(SlotBits.Count);
                var last = random.Next(first, SlotBits.Count);
                bits.Set(first, last);
                Array.Fill(expected, true, first, last - first + 1);
            }
            var bytes = new byte[SlotBits.Bytes];
            bits.Write(bytes);
            Assert.Equal(expected, Enumerable.Range(0, SlotBits.Count).Select(i => (bytes[i / 8] >> (7 - (i % 8)) & 1) == 1));
        }
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(9_999_999, 0)]
    [InlineData(10_000_000, 1)]
    [InlineData(-1, -1)]
    [InlineData(-10_000_000, -1)]
    [InlineData(-10_000_001, -2)]
    public void A_slot_is_the_floor_of_its_time_also_before_1970(long unixUs, long slot) => Assert.Equal(slot, SlotBits.SlotOf(unixUs));

    [Fact]
    public void The_slope_is_the_median_of_the_slopes_of_all_pairs()
    {
        Assert.Null(RobustTrend.Slope([]));
        Assert.Null(RobustTrend.Slope([1, null]));
        Assert.Equal(2, RobustTrend.Slope([1, null, 5, 7, null]));
        // A quarter of the points may be anything.
        Assert.Equal(-3, RobustTrend.Slope([.. Enumerable.Range(0, 40).Select(i => i % 5 == 0 ? 1e9 : (double?)(100 - (3 * i)))])!.Value, 9);
        Assert.Equal((1.75, 2.5, 4), (RobustTrend.Percentile([1, 2, 3, 4], 0.25), RobustTrend.Percentile([1, 2, 3, 4], 0.5), RobustTrend.Percentile([1, 2, 3, 4], 1)));
    }
}
