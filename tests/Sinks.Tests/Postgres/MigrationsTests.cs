using Pipeline.Sinks.Postgres;

namespace Pipeline.Sinks.Tests.Postgres;

public sealed class MigrationsTests
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Are_applied_once()
    {
        await using var store = await Store.EmptyAsync();
        var applied = await new Migrations(store.Pool).ApplyAsync(Stop);
        Assert.Contains(applied, a => a.StartsWith("control/0001", StringComparison.Ordinal));
        Assert.Contains(applied, a => a.StartsWith("rev_1/0001", StringComparison.Ordinal));
        Assert.Empty(await new Migrations(store.Pool).ApplyAsync(Stop));
        Assert.Equal("rev_1", await store.Database.ValueAsync<string>("SELECT revision FROM control.live"));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task Ten_hosts_at_once_apply_them_once()
    {
        await using var store = await Store.EmptyAsync();
        var applied = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => new Migrations(store.Pool).ApplyAsync(Stop)));
        Assert.Single(applied, a => a.Count > 0);
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task A_file_that_changed_after_it_was_applied_is_refused_and_nothing_happens()
    {
        await using var store = await Store.MigratedAsync();
        foreach (var schema in (string[])["control", "rev_1"])
        {
            await store.ExecuteAsync("UPDATE control.migrations SET sha256 = 'x' || sha256 WHERE schema = $1", schema);
            var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => new Migrations(store.Pool).ApplyAsync(Stop));
            Assert.Contains($"changed after it was applied to schema {schema}", refused.Message, StringComparison.Ordinal);
            await store.ExecuteAsync("UPDATE control.migrations SET sha256 = substr(sha256, 2) WHERE schema = $1", schema);
        }
        Assert.Empty(await new Migrations(store.Pool).ApplyAsync(Stop));
    }

    [Fact]
    public async Task A_newer_database_is_refused()
    {
        await using var store = await Store.MigratedAsync();
        foreach (var schema in (string[])["control", "rev_1"])
        {
            await store.ExecuteAsync("INSERT INTO control.migrations VALUES ($1, 9999, '9999_future.sql', 'x')", schema);
            var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => new Migrations(store.Pool).ApplyAsync(Stop));
            Assert.Contains("newer than the program", refused.Message, StringComparison.Ordinal);
            await store.ExecuteAsync("DELETE FROM control.migrations WHERE version = 9999");
        }
    }

    [Fact]
    public async Task Views_are_made_again_when_they_are_another_versions()
    {
        await using var store = await Store.MigratedAsync();
        await store.ExecuteAsync("UPDATE control.migrations SET sha256 = 'older' WHERE schema = 'pipeline'");
        await store.ExecuteAsync("DROP VIEW pipeline.conservation");
        Assert.Equal(["pipeline/Views.sql"], await new Migrations(store.Pool).ApplyAsync(Stop));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task A_revision_made_since_is_brought_along()
    {
        await using var store = await Store.MigratedAsync();
        await store.ExecuteAsync("CREATE SCHEMA rev_2");
        Assert.Contains(await new Migrations(store.Pool).ApplyAsync(Stop), a => a.StartsWith("rev_2/", StringComparison.Ordinal));
        Assert.Equal(0, await store.CountAsync("rev_2.offsets"));
        Assert.Empty(await new Migrations(store.Pool).ApplyAsync(Stop));
    }
}
