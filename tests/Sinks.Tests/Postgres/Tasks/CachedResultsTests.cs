using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Sinks.Tests.Postgres.Tasks;

public sealed class CachedResultsTests
{
    static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_one_engine_kept_another_finds_until_it_is_old_or_the_least_used_of_too_much()
    {
        await using var store = await Store.MigratedAsync();
        var (one, two) = (new CachedResults(store.Pool), new CachedResults(store.Pool));
        Assert.Null(await one.FindAsync([1], Hour, Stop));
        for (byte key = 1; key <= 4; key++)
            await one.AddAsync([key], "mean", new byte[800], Stop);
        await one.AddAsync([2], "mean", "again"u8.ToArray(), Stop);
        Assert.Equal("again"u8.ToArray(), await two.FindAsync([2], Hour, Stop));
        Assert.Null(await two.FindAsync([2], TimeSpan.Zero, Stop));
        // The first one was used long ago and is used again now, the third is not.
        await store.Database.RowsAsync("UPDATE control.cached_results SET used_at = now() - interval '1 day' WHERE key IN ('\\x01', '\\x03') RETURNING 1", r => r.GetInt32(0));
        Assert.NotNull(await two.FindAsync([1], Hour, Stop));
        Assert.Equal(1, await two.TrimAsync(Hour, (3 * 1000) - 1, Stop));
        var found = new List<bool>();
        for (byte key = 1; key <= 4; key++)
            found.Add(await two.FindAsync([key], Hour, Stop) is not null);
        Assert.Equal([true, true, false, true], found);
        await store.Database.RowsAsync("UPDATE control.cached_results SET made_at = now() - interval '2 hours' WHERE key = '\\x04' RETURNING 1", r => r.GetInt32(0));
        Assert.Equal(1, await two.TrimAsync(Hour, 1 << 20, Stop));
        Assert.Equal((true, false), (await one.FindAsync([1], Hour, Stop) is not null, await one.FindAsync([4], Hour, Stop) is not null));
    }

    [Fact]
    public async Task A_purge_takes_the_results_of_one_algorithm_or_all_and_says_how_many()
    {
        await using var store = await Store.MigratedAsync();
        var results = new CachedResults(store.Pool);
        Assert.Equal(new CachedFigures(0, 0), await results.FiguresAsync(Stop));
        foreach (var (key, algorithm) in ((byte, string)[])[(1, "mean"), (2, "' OR true--"), (3, "mean")])
            await results.AddAsync([key], algorithm, new byte[800], Stop);
        Assert.Equal(new CachedFigures(3, 3000), await results.FiguresAsync(Stop));
        Assert.Equal(0, await results.PurgeAsync("Mean", Stop));
        Assert.Equal(1, await results.PurgeAsync("' OR true--", Stop));
        Assert.Equal(2, await results.PurgeAsync(null, Stop));
        Assert.Equal(new CachedFigures(0, 0), await results.FiguresAsync(Stop));
    }
}
