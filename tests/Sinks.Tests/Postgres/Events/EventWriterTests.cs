using Npgsql;
using Pipeline.Contracts.Events;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;
using static Pipeline.Sinks.Tests.Postgres.Events.Rows;

namespace Pipeline.Sinks.Tests.Postgres.Events;

public sealed class EventWriterTests
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Stores_rows_letters_and_outcomes_and_counts_offsets_without_a_record()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync(start: 10);
        var batch = Batch(10, 20, Row(11), Row(13));
        batch.DeadLetters.Add(Letter(12));
        Assert.Equal(new BatchOutcome(2, 0, 1, 0, 7), await writer.WriteAsync(batch, Stop));
        Assert.Equal(20, writer.NextOffset);
        Assert.Equal(new Outcomes(2, 0, 1, 7), await store.Database.OutcomesAsync());
        Assert.Equal(["absent topic-tenant", "dead_lettered default", "stored default"], await Texts(store, "SELECT outcome || ' ' || tenant FROM pipeline.outcomes ORDER BY 1"));
        Assert.Equal(["malformed_json malformed_json:data.duration \\xff00 {ab,n} {\"\\\\x09\",NULL}"],
            await Texts(store, "SELECT reason || ' ' || fingerprint || ' ' || value::text || ' ' || header_names::text || ' ' || header_values::text FROM pipeline.dead_letters"));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task An_empty_stretch_moves_the_offset()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        Assert.Equal(new BatchOutcome(0, 0, 0, 0, 5), await writer.WriteAsync(Batch(0, 5), Stop));
        Assert.Equal(5, (await writer.AcquireAsync(Store.Log(), new LogExtent(0, 5), Stop)).NextOffset);
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task A_row_is_the_event_with_its_bytes_and_coordinates()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        var row = Row(0, user: "u;%'\"é😀", project: "p");
        await writer.WriteAsync(Batch(0, 1, row), Stop);
        var stored = Assert.Single(await store.Database.RowsAsync(
            "SELECT event_id, event_type, user_id, project_id, tool, header, value, log_id, \"offset\", logged_at, tenant FROM pipeline.events",
            r => (r.GetGuid(0), r.GetInt16(1), r.GetString(2), r.GetString(3), r.GetString(4), Convert.ToHexString(r.GetFieldValue<byte[]>(5)),
                Convert.ToHexString(r.GetFieldValue<byte[]>(6)), r.GetInt32(7), r.GetInt64(8), r.GetDateTime(9), r.GetString(10))));
        Assert.Equal((row.EventId, (short)EventType.Annotation, row.UserId, "p", "tool", "0102", Convert.ToHexString(row.Value), writer.LogId, 0L,
            DateTime.UnixEpoch.AddTicks(Monday * 10), "default"), stored);
    }

    [Fact]
    public async Task Exactly_one_of_two_writers_commits()
    {
        await using var store = await Store.MigratedAsync();
        for (var round = 0; round < 5; round++)
        {
            var first = await store.OwnerAsync(owner: "one");
            var second = await store.OwnerAsync(owner: "two");
            var from = second.NextOffset;
            var outcomes = await Task.WhenAll(Attempt(first, Batch(from, from + 1, Row(from))), Attempt(second, Batch(from, from + 1, Row(from))));
            Assert.Equal([false, true], outcomes);
        }
        Assert.Equal(5, await store.CountAsync("pipeline.events"));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task A_batch_that_does_not_continue_the_log_is_refused_before_anything_happens()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 2, Row(0), Row(1)), Stop);
        foreach (var from in (long[])[0, 1, 3])
            await Assert.ThrowsAsync<FencedException>(() => writer.WriteAsync(Batch(from, from + 1, Row(from)), Stop));
        await Assert.ThrowsAsync<InvalidOperationException>(() => store.Writer().WriteAsync(Batch(2, 3, Row(2)), Stop));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task A_value_that_the_store_refuses_leaves_nothing_behind()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        var batch = Batch(0, 3, Row(0), Row(1, user: "nul\0"), Row(2));
        for (var i = 0; i < 2; i++)
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(() => writer.WriteAsync(batch, Stop));
            Assert.Equal(StoreFault.Refused, PostgresFaults.Classify(refused));
            Assert.Equal((0, 0), (await store.CountAsync("pipeline.event_ledger"), await store.CountAsync("pipeline.outcomes")));
        }
        // The same session goes on, and the halves end at the one record.
        Assert.True(batch.TrySplit(out var first, out var second));
        Assert.Equal((0, 1, 1, 3), (first.From, first.Next, second.From, second.Next));
        await writer.WriteAsync(first, Stop);
        Assert.True(second.TrySplit(out var one, out var rest));
        Assert.False(one.TrySplit(out _, out _));
        await writer.WriteAsync(one.Refused(new EventFault(FaultReason.StoreRefused), "why"), Stop);
        await writer.WriteAsync(rest, Stop);
        Assert.Equal(["store_refused why {ingest,empty}"], await Texts(store, "SELECT reason || ' ' || message || ' ' || header_names::text FROM pipeline.dead_letters"));
        Assert.Equal(new Outcomes(2, 0, 1), await store.Database.OutcomesAsync());
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task A_key_too_long_for_an_index_is_refused_as_data()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        var random = new Random(1);
        string Long() => string.Concat(Enumerable.Range(0, 3000).Select(_ => (char)random.Next('a', 'z')));
        var refused = await Assert.ThrowsAsync<PostgresException>(() => writer.WriteAsync(Batch(0, 1, Row(0, user: Long(), project: Long())), Stop));
        Assert.Equal(StoreFault.Refused, PostgresFaults.Classify(refused));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task Keys_of_the_greatest_length_are_stored()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        var random = new Random(1);
        string Long() => string.Concat(Enumerable.Range(0, EventLimits.KeyCharactersMax).Select(_ => char.ConvertFromUtf32(random.Next(0x10000, 0x10FFFF))));
        await writer.WriteAsync(Batch(0, 1, Row(0, user: Long(), project: Long(), annotationType: Long())), Stop);
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task Weeks_are_made_on_demand_on_both_sides_of_their_border()
    {
        const long week = 7 * 24 * 3600 * 1_000_000L;
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 4, Row(0, loggedAtUs: Monday - 1), Row(1, loggedAtUs: Monday), Row(2, loggedAtUs: Monday + week - 1), Row(3, loggedAtUs: Monday + week)), Stop);
        Assert.Equal(["rev_1.events_20231225 1", "rev_1.events_20240101 2", "rev_1.events_20240108 1"], await Texts(store,
            "SELECT tableoid::regclass::text || ' ' || count(*) FROM rev_1.events GROUP BY tableoid ORDER BY 1"));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task Many_owners_may_need_the_same_new_week_at_once()
    {
        await using var store = await Store.MigratedAsync();
        var writers = await Task.WhenAll(Enumerable.Range(0, 6).Select(p => store.OwnerAsync(p)));
        await Task.WhenAll(writers.Select((w, p) => w.WriteAsync(Batch(0, 1, Row(0, Id(p))), Stop)));
        Assert.Equal(6, await store.CountAsync("pipeline.events"));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task A_connection_lost_before_the_commit_stores_nothing_and_after_it_everything()
    {
        await using var store = await Store.MigratedAsync();
        foreach (var (point, stored) in ((ArmedPoint, bool)[])[(ArmedPoint.AfterLedger, false), (ArmedPoint.BeforeCommit, false), (ArmedPoint.AfterCommit, true)])
        {
            var cut = true;
            var writer = await store.OwnerAsync(armed: p => { if (p == point && cut) { cut = false; store.Database.CutSessionsAsync().Wait(Stop); } });
            var from = writer.NextOffset;
            if (stored)
                await writer.WriteAsync(Batch(from, from + 1, Row(from)), Stop);
            else
                await Assert.ThrowsAnyAsync<Exception>(() => writer.WriteAsync(Batch(from, from + 1, Row(from)), Stop));
            Assert.Equal(stored ? from + 1 : from, (await writer.AcquireAsync(Store.Log(), new LogExtent(0, 100), Stop)).NextOffset);
            await store.AssertConservedAsync();
        }
    }

    static async Task<bool> Attempt(EventWriter writer, EventBatch batch)
    {
        try
        {
            await writer.WriteAsync(batch, Stop);
            return true;
        }
        catch (Exception e) when (PostgresFaults.Classify(e) == StoreFault.Fenced)
        {
            return false;
        }
    }

    static Task<List<string>> Texts(Store store, string sql) => store.Database.RowsAsync(sql, r => r.GetString(0));
}
