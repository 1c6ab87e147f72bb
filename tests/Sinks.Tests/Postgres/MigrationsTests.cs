using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;

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

    [Fact]
    public async Task Objects_and_tasks_of_before_they_had_keys_are_found_by_them()
    {
        await using var store = await Store.MigratedAsync();
        await store.ExecuteAsync("CREATE SCHEMA rev_2");
        foreach (var file in (string[])["0001_revision.sql", "0002_failures.sql", "0003_trying_epoch.sql", "0004_metrics.sql", "0005_search_path.sql"])
        {
            using var reader = new StreamReader(typeof(Migrations).Assembly.GetManifestResourceStream($"Pipeline.Sinks.Postgres.Schema.Revision.{file}")!);
            await store.ExecuteAsync($"SET search_path = rev_2, pg_catalog; {await reader.ReadToEndAsync(Stop)}; RESET search_path");
            await store.ExecuteAsync("INSERT INTO control.migrations SELECT 'rev_2', version, name, sha256 FROM control.migrations WHERE schema = 'rev_1' AND name = $1", file);
        }
        var (subject, id) = (new SubjectKey("tenant", "pé", "😀"), Guid.NewGuid());
        await store.ExecuteAsync("""
            INSERT INTO rev_2.objects (tenant, project_id, object_id, completed_at, completed_by, completed_event, completed_tool, completed_type, completed_source, changed_at)
            VALUES ($1, $2, $3, '2024-01-01Z', 'u', $4, 'tool', 'box', 2, '2024-01-02Z')
            """, subject.Tenant, subject.ProjectId, subject.Id, id);
        await store.ExecuteAsync("INSERT INTO rev_2.tasks (tenant, project_id, task_id, submitted_at, submitted_by, submitted_event, submitted_tool, submits) VALUES ($1, $2, $3, '2024-01-01Z', 'u', $4, '', 3)",
            subject.Tenant, subject.ProjectId, subject.Id, id);
        Assert.Contains("rev_2/0006_narrow_rows.sql", await new Migrations(store.Pool).ApplyAsync(Stop));

        await using var session = await store.Pool.OpenConnectionAsync(Stop);
        await using (var path = new Npgsql.NpgsqlCommand("SET search_path = rev_2, pg_catalog", session))
            await path.ExecuteNonQueryAsync(Stop);
        var known = Assert.Single(await SubjectStatements.ReadAsync(ObjectTable.Instance, session, [subject], Stop)).Value;
        var at = new DateTimeOffset(2024, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds() * 1000;
        Assert.Equal(new FirstEvent(at, "u", id, "tool", "box", (Contracts.Events.ObjectSource)2), known.Completed);
        Assert.Equal((null, null, null, at + (24L * 3600 * 1_000_000)), (known.Created, known.Deleted, known.Saved, known.ChangedUs));
        var task = Assert.Single(await SubjectStatements.ReadAsync(TaskTable.Instance, session, [subject], Stop)).Value;
        Assert.Equal((new FirstEvent(at, "u", id, "", ""), 3), (task.Submitted, task.Submits));
    }
}
