using Pipeline.Ingest.Statistics;

namespace Pipeline.Ingest.Tests.Statistics;

public sealed class RankingTests
{
    [Fact]
    public void The_best_of_many_have_the_ranks_that_they_have_among_all()
    {
        var random = new Random(20261121);
        for (var round = 0; round < 200; round++)
        {
            var values = Enumerable.Range(0, random.Next(0, 60)).Select(_ => random.Next(4) == 0 ? (double?)null : random.Next(12)).ToList();
            var (limit, descending) = (random.Next(1, 20), random.Next(2) == 0);
            var ranking = new Ranking(limit, descending);
            foreach (var (i, value) in values.Index())
                ranking.Add($"{i:d2}", value);
            var expected = values.Select((v, i) => new Ranked(v is null ? null : 1 + values.Count(o => descending ? o > v : o < v), $"{i:d2}", v))
                .OrderBy(r => r.Rank ?? int.MaxValue).ThenBy(r => r.UserId, StringComparer.Ordinal).Take(limit);
            Assert.Equal(expected, ranking.Best);
            Assert.Equal((values.Count, values.Count(v => v is not null)), (ranking.Members, ranking.MembersWithValue));
        }
    }

    [Theory]
    [InlineData("active_time", "active_time_s")]
    [InlineData("sucess_rate", "success_rate")]
    [InlineData("fps", "fps_p5")]
    [InlineData("", "items")]
    public void The_nearest_name_is_the_one_that_was_meant(string written, string meant) => Assert.Equal(meant, MetricColumn.Nearest(written).First());

    [Fact]
    public void Every_metric_has_a_column_and_every_figure_a_definition()
    {
        Assert.Equal(MetricDefinitions.InForce.Metrics.Select(m => m.Name), MetricColumn.All.Select(c => c.Name));
        Assert.Equal(typeof(Sinks.Metrics.Figures).GetProperties().Length, MetricColumn.All.Count);
    }
}
