using Npgsql;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;
using Pipeline.Sinks.Postgres.Retention;
using static Pipeline.Sinks.Tests.Postgres.Events.Rows;

namespace Pipeline.Sinks.Tests.Postgres.Retention;

/// <summary>Weeks of rows are dropped whole; what was counted of them stays.</summary>
public sealed class WeekRetentionTests
{
    const long WeekUs = 7L * 24 * 3600 * 1_000_000;

    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    static DateTime At(long us) => DateTime.UnixEpoch.AddTicks(us * 10);

    [Fact]
    public async Task Rows_of_ended_weeks_go_and_totals_ids_and_conservation_stay()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 40, Enumerable.Range(0, 40).Select(i => Row(i, Id(i), user: $"u{i % 3}", loggedAtUs: Monday + (i % 4 * WeekUs)))), Stop);
        var before = await StatisticsAsync(store);
        Assert.Equal(["events_20240101", "events_20240108"], await DropAsync(store, At(Monday + (2 * WeekUs))));
        Assert.Equal(20, await store.CountAsync("pipeline.events"));
        Assert.Equal(before, await StatisticsAsync(store));
        // Of the gone rows, the same bytes, other bytes of the same content, and another content: nobody can tell any more, and the id was stored once.
        Assert.Equal(new BatchOutcome(0, 3, 1, 0, 0), await writer.WriteAsync(Batch(40, 44, Row(40, Id(0)), Row(41, Id(4), "other"), Row(42, Id(1), "other"), Row(43, Id(2), "other")), Stop));
        Assert.Equal(before, await StatisticsAsync(store));
        Assert.Equal(0, await store.CountAsync("pipeline.conservation WHERE difference <> 0"));
        Assert.Empty(await DropAsync(store, At(Monday + (2 * WeekUs))));
        Assert.Equal((At(Monday + (2 * WeekUs)), At(Monday + (2 * WeekUs))), await ReadAsync(store));
    }

    [Fact]
    public async Task An_event_of_a_week_that_is_gone_is_stored_once_and_the_next_pass_drops_it()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 1, Row(0)), Stop);
        Assert.Single(await DropAsync(store, At(Monday + WeekUs)));
        // This session believes that the week is there.
        var late = Batch(1, 3, Row(1), Row(2));
        await Assert.ThrowsAsync<FencedException>(() => writer.WriteAsync(late, Stop));
        Assert.Equal(1, await store.Database.ValueAsync<long>("SELECT next_offset FROM rev_1.offsets"));
        await writer.AcquireAsync(Store.Log(), new LogExtent(0, 1_000_000), Stop);
        Assert.Equal(new BatchOutcome(2, 0, 0, 0, 0), await writer.WriteAsync(late, Stop));
        Assert.Equal(2, await store.CountAsync("pipeline.events"));
        Assert.Single(await DropAsync(store, At(Monday + WeekUs)));
        Assert.Equal((3L, 0L), (await store.CountAsync("pipeline.event_ledger"), await store.CountAsync("pipeline.events")));
        Assert.Equal(3, await store.Database.ValueAsync<long>("SELECT sum(events)::bigint FROM pipeline.activity"));
        Assert.Equal(0, await store.CountAsync("pipeline.conservation WHERE difference <> 0"));
    }

    [Fact]
    public async Task A_reader_that_takes_long_holds_up_the_drop_and_writers_for_a_moment_only()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 1, Row(0)), Stop);
        await using (var reader = await store.Sessions.OpenConnectionAsync(Stop))
        {
            await using var reading = await reader.BeginTransactionAsync(Stop);
            await using (var scan = new NpgsqlCommand("SELECT count(*) FROM rev_1.events", reader))
                await scan.ExecuteScalarAsync(Stop);
            await using var session = await store.Sessions.OpenConnectionAsync(Stop);
            var weeks = new WeekRetention(session);
            var week = Assert.Single(await weeks.EndedByAsync("rev_1", At(Monday + WeekUs), Stop));
            Assert.Equal(WeekDrop.InUse, await weeks.TryDropAsync("rev_1", week, Stop));
            Assert.Equal(new BatchOutcome(1, 0, 0, 0, 0), await writer.WriteAsync(Batch(1, 2, Row(1)), Stop));
            Assert.Equal(2, await store.CountAsync("pipeline.events"));
            // Nothing is noted of a drop that was not.
            Assert.Equal(0, await store.CountAsync("control.retention"));
        }
        Assert.Single(await DropAsync(store, At(Monday + WeekUs)));
    }

    [Fact]
    public async Task Every_revision_loses_its_weeks()
    {
        await using var store = await Store.MigratedAsync();
        await store.ExecuteAsync("CREATE SCHEMA rev_2");
        await new Migrations(store.Pool).ApplyAsync(Stop);
        foreach (var revision in (string[])["rev_1", "rev_2"])
            await store.ExecuteAsync($"SET search_path = {revision}, pg_catalog; SELECT ensure_week('2024-01-03Z'); SET search_path = DEFAULT");
        await using var session = await store.Sessions.OpenConnectionAsync(Stop);
        var retention = new RetentionStore(session);
        Assert.True(await retention.TakeTurnAsync(Stop));
        Assert.Equal(["rev_1", "rev_2"], await retention.RevisionsAsync(Stop));
        foreach (var revision in await retention.RevisionsAsync(Stop))
            Assert.Equal(["events_20240101"], await DropAsync(store, At(Monday + WeekUs), revision));
        await using var other = await store.Sessions.OpenConnectionAsync(Stop);
        Assert.False(await new RetentionStore(other).TakeTurnAsync(Stop));
    }

    internal static async Task<List<string>> DropAsync(Store store, DateTime until, string revision = "rev_1")
    {
        await using var session = await store.Sessions.OpenConnectionAsync(Stop);
        var weeks = new WeekRetention(session);
        var dropped = new List<string>();
        foreach (var week in await weeks.EndedByAsync(revision, until, Stop))
        {
            await Until.TrueAsync($"{week.Table} is dropped", TimeSpan.FromSeconds(60), () => weeks.TryDropAsync(revision, week, Stop), d => d == WeekDrop.Dropped);
            dropped.Add(week.Table);
        }
        return dropped;
    }

    static async Task<(DateTime?, DateTime?)> ReadAsync(Store store)
    {
        await using var session = await store.Sessions.OpenConnectionAsync(Stop);
        var read = await new RetentionStore(session).ReadAsync("rev_1", Stop);
        return (read.OldestWeek, read.RowsFrom);
    }

    static async Task<List<string>> StatisticsAsync(Store store) =>
        [.. await store.Database.RowsAsync("SELECT m::text FROM pipeline.efficiency_metrics m ORDER BY 1", r => r.GetString(0)), .. await store.Database.RowsAsync("SELECT u::text FROM pipeline.user_stats u ORDER BY 1", r => r.GetString(0))];
}
