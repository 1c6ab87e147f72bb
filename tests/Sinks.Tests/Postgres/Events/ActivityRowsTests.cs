using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;
using static Pipeline.Sinks.Tests.Postgres.Events.Rows;

namespace Pipeline.Sinks.Tests.Postgres.Events;

/// <summary>Which row of table activity a batch adds to. Readers add rows up.</summary>
public sealed class ActivityRowsTests
{
    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_session_adds_to_what_it_wrote_and_the_next_one_goes_on_in_a_row_of_its_own()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 1, Row(0)), Stop);
        await writer.WriteAsync(Batch(1, 3, Row(1, success: false), Row(2, durationMs: double.NaN, occurredAtUs: Monday + 20_000_000)), Stop);
        Assert.Equal(["0 3 2 2 2000000 3"], await RowsAsync(store));
        await writer.AcquireAsync(Store.Log(), new LogExtent(0, 10), Stop);
        await writer.WriteAsync(Batch(3, 4, Row(3)), Stop);
        await writer.WriteAsync(Batch(4, 5, Row(4)), Stop);
        Assert.Equal(["0 3 2 2 2000000 3", "3 2 2 2 2000000 2"], await RowsAsync(store));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task What_a_failed_batch_wrote_is_not_remembered()
    {
        await using var store = await Store.MigratedAsync();
        var fails = true;
        var writer = await store.OwnerAsync(armed: point =>
        {
            if (point == ArmedPoint.BeforeCommit && fails)
                throw new NotSupportedException();
        });
        await Assert.ThrowsAsync<NotSupportedException>(() => writer.WriteAsync(Batch(0, 1, Row(0)), Stop));
        fails = false;
        await writer.WriteAsync(Batch(0, 2, Row(0), Row(1)), Stop);
        Assert.Equal(["0 2 2 2 2000000 2"], await RowsAsync(store));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task A_batch_whose_row_is_gone_stores_nothing_and_is_tried_again_in_a_row_of_its_own()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 1, Row(0)), Stop);
        await store.ExecuteAsync("DELETE FROM rev_1.activity");
        await Assert.ThrowsAsync<FencedException>(() => writer.WriteAsync(Batch(1, 2, Row(1)), Stop));
        Assert.Equal(1, await store.CountAsync("pipeline.events"));
        await writer.AcquireAsync(Store.Log(), new LogExtent(0, 10), Stop);
        await writer.WriteAsync(Batch(1, 2, Row(1)), Stop);
        Assert.Equal(["1 1 1 1 1000000 2"], await RowsAsync(store));
    }

    [Fact]
    public void A_row_is_remembered_while_it_is_among_the_last_ones_and_once_it_is_committed()
    {
        var rows = new RecentRows(youngMax: 2);
        Commit(rows, 1, 10);
        Commit(rows, 2, 20);
        Commit(rows, 3, 30);
        Assert.Equal([10L, 20L, 30L], [rows.Find(Key(1)), rows.Find(Key(2)), rows.Find(Key(3))]);
        rows.Begin();
        rows.Note(Key(4), 40);
        rows.Begin();
        Assert.Null(rows.Find(Key(4)));
        // Looked for, 1 is young again; 2 goes with the old ones.
        Assert.Equal(10, rows.Find(Key(1)));
        rows.Committed();
        Commit(rows, 5, 50);
        Assert.Null(rows.Find(Key(2)));
        Assert.Equal([10L, 30L, 50L], [rows.Find(Key(1)), rows.Find(Key(3)), rows.Find(Key(5))]);
        rows.Forget();
        Assert.Null(rows.Find(Key(1)));
    }

    static void Commit(RecentRows rows, int key, long since)
    {
        rows.Begin();
        rows.Note(Key(key), since);
        rows.Committed();
    }

    static ActivityBuckets.Key Key(int n) => new("default", "u", "p", n, EventType.Annotation, "", "");

    static Task<List<string>> RowsAsync(Store store) => store.Database.RowsAsync("""
        SELECT concat_ws(' ', since, events, succeeded, durations, duration_us, (SELECT count(*) FROM generate_series(0, 269) AS i WHERE get_bit(slots, i) = 1))
        FROM rev_1.activity ORDER BY since
        """, r => r.GetString(0));
}
