using Pipeline.Ingest.Statistics;

namespace Pipeline.Ingest.Tests.Statistics;

public sealed class TimeBucketsTests
{
    static readonly string[] Zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia", "America/St_Johns", "Pacific/Chatham"];

    /// <summary>Against the oracle's, which walks every quarter of an hour. 2011-12-30 is no day in Apia; in Beirut and São Paulo clocks leave out midnight.</summary>
    [Theory]
    [InlineData("2024-03-01T00:00:00Z", 40)]
    [InlineData("2024-10-01T05:45:00Z", 40)]
    [InlineData("2011-12-20T10:15:00Z", 20)]
    [InlineData("2017-10-10T00:00:00Z", 10)]
    public void Buckets_begin_where_the_clocks_of_the_zone_begin_them(string from, int days)
    {
        var start = DateTimeOffset.Parse(from, System.Globalization.CultureInfo.InvariantCulture);
        foreach (var zone in Zones.Select(TimeZoneInfo.FindSystemTimeZoneById))
            foreach (var (unit, size) in ((BucketUnit, Oracle.BucketSize)[])[(BucketUnit.Hour, Oracle.BucketSize.Hour), (BucketUnit.Day, Oracle.BucketSize.Day), (BucketUnit.Week, Oracle.BucketSize.Week)])
            {
                var end = start.AddDays(days);
                var expected = Oracle.MetricsOracle.Of([]).Series(new Oracle.Question { Window = new(start, end) }, size, zone).Select(b => b.Window.From!.Value.UtcDateTime).Append(end.UtcDateTime);
                Assert.Equal(expected, TimeBuckets.Edges(start.UtcDateTime, end.UtcDateTime, unit, zone));
            }
    }

    [Fact]
    public void More_buckets_than_an_answer_should_hold_are_none() =>
        Assert.Null(TimeBuckets.Edges(new DateTime(2000, 1, 1, 0, 0, 0, DateTimeKind.Utc), new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc), BucketUnit.Day, TimeZoneInfo.Utc));
}
