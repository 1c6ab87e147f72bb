using System.Buffers.Binary;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Metrics;
using Pipeline.Sinks.Tests.Postgres;

namespace Pipeline.Sinks.Tests.Metrics;

public sealed class LogLinearHistogramTests
{
    const double ErrorMax = 0.01;

    static readonly double[] Shares = [0, 0.05, 0.25, 0.5, 0.9, 0.95, 0.99, 1];

    [Fact]
    public void Every_value_is_within_one_percent_of_what_stands_for_it_and_bins_ascend()
    {
        var random = Seeds.Next();
        for (var value = 0L; value < 128; value++)
            Assert.Equal(value, LogLinearHistogram.ValueOf(LogLinearHistogram.BinOf(value)));
        for (var i = 0; i < 100_000; i++)
        {
            var value = random.NextInt64(1L << random.Next(1, 63));
            var bin = LogLinearHistogram.BinOf(value);
            Assert.InRange(LogLinearHistogram.ValueOf(bin), value * (1 - ErrorMax), value * (1 + ErrorMax));
            Assert.True(LogLinearHistogram.BinOf(value + 1) - bin is 0 or 1, $"{value}");
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => LogLinearHistogram.BinOf(-1));
    }

    [Fact]
    public void Percentiles_are_within_one_percent_of_the_exact_ones_however_the_values_were_merged()
    {
        var random = Seeds.Next();
        for (var round = 0; round < 300; round++)
        {
            var values = Values(random);
            var whole = new LogLinearHistogram();
            foreach (var part in values.GroupBy(_ => random.Next(4)))
                if (random.Next(2) == 0)
                    whole.Add(Entries(part));
                else
                {
                    var other = new LogLinearHistogram();
                    foreach (var value in part)
                        other.Add(value);
                    whole.Add(other);
                }
            Assert.Equal(values.Count, whole.Count);
            foreach (var p in Shares)
                AssertNear(Exact(values, p), whole.Percentile(p));
        }
        Assert.Null(new LogLinearHistogram().Percentile(0.5));
    }

    /// <summary>By names that are qualified, as a reader has them whose search path knows nothing of the revision.</summary>
    [Fact]
    public async Task The_functions_of_the_store_give_the_same_percentiles()
    {
        await using var store = await Store.MigratedAsync();
        var random = Seeds.Next();
        for (var round = 0; round < 60; round++)
        {
            var values = Values(random);
            var (a, b) = (Entries(values.Take(values.Count / 2)), Entries(values.Skip(values.Count / 2)));
            var p = Shares[random.Next(Shares.Length)];
            var histogram = new LogLinearHistogram();
            histogram.Add(a);
            histogram.Add(b);
            var direct = await store.Database.ValueAsync<double>("SELECT rev_1.histogram_percentile($1::bytea || $2::bytea, $3)", a, b, p);
            Assert.Equal(histogram.Percentile(p)!.Value, direct, Math.Abs(direct) * 1e-12);
            Assert.Equal(direct, await store.Database.ValueAsync<double>("SELECT rev_1.histogram_percentile(rev_1.add_bins($1::bytea, $2::bytea), $3)", a, b, p));
            var compact = await store.Database.ValueAsync<byte[]>("SELECT rev_1.compact_bins($1::bytea || $2::bytea)", a, b);
            Assert.Equal(Bins(compact).Distinct().Order(), Bins(compact));
            Assert.Equal(direct, await store.Database.ValueAsync<double>("SELECT rev_1.histogram_percentile($1, $2)", compact, p));
        }
        Assert.True(await store.Database.ValueAsync<bool>("SELECT rev_1.histogram_percentile(''::bytea, 0.5) IS NULL AND rev_1.histogram_percentile(NULL, 0.5) IS NULL AND rev_1.add_bins(NULL, NULL) IS NULL"));
        Assert.Equal([0, 1, 0, 0, 0, 2], await store.Database.ValueAsync<byte[]>(@"SELECT rev_1.add_bins(NULL, '\x000100000002'::bytea)"));
    }

    [Fact]
    public async Task Entries_that_have_become_long_are_added_up_and_no_count_is_lost()
    {
        await using var store = await Store.MigratedAsync();
        var entries = Entries(Enumerable.Range(0, 5000).Select(i => (long)i * i));
        var grown = await store.Database.ValueAsync<byte[]>("""
            WITH RECURSIVE grown(n, bins) AS (SELECT 0, ''::bytea UNION ALL SELECT n + 1, rev_1.add_bins(bins, $1::bytea) FROM grown WHERE n < 40)
            SELECT bins FROM grown WHERE n = 40
            """, entries);
        var histogram = new LogLinearHistogram();
        histogram.Add(grown);
        Assert.Equal(40 * 5000, histogram.Count);
        Assert.True(grown.Length < 24_576 + entries.Length, $"{grown.Length} bytes");
    }

    [Fact]
    public async Task The_view_of_metrics_can_be_read_by_whoever_connects()
    {
        await using var store = await Store.MigratedAsync();
        await store.ExecuteAsync("""
            INSERT INTO rev_1.activity (log_id, tenant, user_id, project_id, bucket, event_type, tool, annotation_type, events, succeeded, durations, duration_us, duration_outliers, first_at, last_at, completion_times)
            VALUES (1, 'default', 'u', 'p', '2024-01-01T00:00Z', 1, '', '', 1, 1, 1, 100, 0, '2024-01-01T00:00Z', '2024-01-01T00:00Z', $1)
            """, Entries([100]));
        Assert.Equal(0.1, await store.Database.ValueAsync<double>("SELECT time_per_object_p50_ms FROM pipeline.efficiency_metrics"), 9);
    }

    static List<long> Values(Random random)
    {
        var most = 1L << random.Next(1, 40);
        return [.. Enumerable.Range(0, random.Next(1, 400)).Select(_ => random.NextInt64(most))];
    }

    static double Exact(List<long> values, double p)
    {
        var sorted = values.Order().ToList();
        var rank = p * (sorted.Count - 1);
        var below = (int)Math.Floor(rank);
        return sorted[below] + ((rank - below) * (sorted[Math.Min(below + 1, sorted.Count - 1)] - sorted[below]));
    }

    static void AssertNear(double exact, double? given) => Assert.InRange(given!.Value, exact * (1 - ErrorMax), exact * (1 + ErrorMax));

    /// <summary>As it is stored: bin (2 bytes), count (4), big-endian.</summary>
    static byte[] Entries(IEnumerable<long> values)
    {
        var bytes = new List<byte>();
        foreach (var bin in values.GroupBy(LogLinearHistogram.BinOf))
        {
            var entry = new byte[LogLinearHistogram.EntryBytes];
            BinaryPrimitives.WriteUInt16BigEndian(entry, (ushort)bin.Key);
            BinaryPrimitives.WriteUInt32BigEndian(entry.AsSpan(2), (uint)bin.Count());
            bytes.AddRange(entry);
        }
        return [.. bytes];
    }

    static List<int> Bins(byte[] entries) => [.. entries.Chunk(LogLinearHistogram.EntryBytes).Select(e => (int)BinaryPrimitives.ReadUInt16BigEndian(e))];
}
