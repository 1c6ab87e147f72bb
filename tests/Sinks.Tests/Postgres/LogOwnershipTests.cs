using Npgsql;
using Pipeline.Sinks.Postgres;
using static Pipeline.Sinks.Tests.Postgres.Events.Rows;

namespace Pipeline.Sinks.Tests.Postgres;

public sealed class LogOwnershipTests
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Owners_that_vanish_are_counted_and_a_record_tried_alone_gets_its_own_count()
    {
        await using var store = await Store.MigratedAsync();
        async Task<(int, long?)> VanishAsync(string owner, long? trying)
        {
            await using var writer = store.Writer(owner);
            var fence = await writer.AcquireAsync(Store.Log(), new LogExtent(0, 10), Stop);
            if (trying is { } offset)
                await writer.MarkTryingAsync(offset, Stop);
            return (fence.Tries, fence.Trying);
        }
        Assert.Equal((0, null), await VanishAsync("a", null));
        Assert.Equal((1, null), await VanishAsync("b", null));
        Assert.Equal((2, null), await VanishAsync("c", null));
        Assert.Equal((3, null), await VanishAsync("d", 0));
        Assert.Equal((4, 0L), await VanishAsync("e", 0));
        Assert.Equal((5, 0L), await VanishAsync("f", 0));
        Assert.Equal((6, 0L), await VanishAsync("g", 1));
        // Another record than the one before: it starts anew, but not from nothing.
        Assert.Equal((4, 1L), await VanishAsync("h", null));
        // An owner that vanished before it came to the record says nothing about it.
        Assert.Equal((4, 1L), await VanishAsync("i", 1));
        Assert.Equal((5, 1L), await VanishAsync("j", null));
    }

    [Fact]
    public async Task Progress_a_release_and_the_same_owner_count_nothing()
    {
        await using var store = await Store.MigratedAsync();
        var one = await store.OwnerAsync();
        Assert.Equal(0, (await one.AcquireAsync(Store.Log(), new LogExtent(0, 10), Stop)).Tries);
        var two = await store.OwnerAsync(owner: "two");
        await two.MarkTryingAsync(0, Stop);
        await two.WriteAsync(Batch(0, 1, Row(0)), Stop);
        Assert.Equal((1, null), await TriesAsync("three"));
        var four = await store.OwnerAsync(owner: "four");
        await four.ReleaseAsync(Stop);
        Assert.Equal((0, null), await TriesAsync("five"));

        async Task<(int, long?)> TriesAsync(string owner)
        {
            var fence = await store.Writer(owner).AcquireAsync(Store.Log(), new LogExtent(0, 10), Stop);
            return (fence.Tries, fence.Trying);
        }
    }

    [Fact]
    public async Task Owners_that_vanish_with_nothing_to_read_count_nothing()
    {
        await using var store = await Store.MigratedAsync();
        foreach (var owner in (string[])["a", "b", "c"])
            Assert.Equal(0, (await store.Writer(owner).AcquireAsync(Store.Log(), new LogExtent(0, 0), Stop)).Tries);
    }

    [Fact]
    public async Task Under_an_old_epoch_no_record_is_marked()
    {
        await using var store = await Store.MigratedAsync();
        var zombie = await store.OwnerAsync();
        await store.OwnerAsync(owner: "two");
        await Assert.ThrowsAsync<FencedException>(() => zombie.MarkTryingAsync(0, Stop));
        Assert.Equal(0, await store.CountAsync("rev_1.offsets WHERE trying IS NOT NULL"));
    }

    [Fact]
    public async Task A_new_log_begins_at_its_start()
    {
        await using var store = await Store.MigratedAsync();
        var writer = store.Writer();
        Assert.Equal(40, (await writer.AcquireAsync(Store.Log(), new LogExtent(40, 90), Stop)).NextOffset);
        Assert.Equal(["40 40 1"], await Rows(store, "SELECT first_offset || ' ' || next_offset || ' ' || epoch FROM rev_1.offsets"));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task Each_acquisition_raises_the_epoch_and_goes_on_where_the_log_is_stored()
    {
        await using var store = await Store.MigratedAsync();
        var first = await store.OwnerAsync();
        await first.WriteAsync(Batch(0, 3, Row(0), Row(1)), Stop);
        var second = store.Writer("two");
        Assert.Equal(3, (await second.AcquireAsync(Store.Log(), new LogExtent(0, 10), Stop)).NextOffset);
        await second.WriteAsync(Batch(3, 4, Row(3)), Stop);
        Assert.Equal(2, await store.Database.ValueAsync<long>("SELECT epoch FROM rev_1.offsets"));
        // Only the fence stops the first: it still has its session and the offset that it knows of.
        var fenced = await Assert.ThrowsAsync<PostgresException>(() => first.WriteAsync(Batch(3, 4, Row(3, Id(99))), Stop));
        Assert.Equal(StoreFault.Fenced, PostgresFaults.Classify(fenced));
        Assert.Equal(3, await store.CountAsync("pipeline.events"));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task Many_owners_at_once_leave_one_that_can_write()
    {
        await using var store = await Store.MigratedAsync();
        var writers = Enumerable.Range(0, 8).Select(i => store.Writer($"owner-{i}")).ToList();
        await Task.WhenAll(writers.Select(w => w.AcquireAsync(Store.Log(), new LogExtent(0, 10), Stop)));
        Assert.Equal(8, await store.Database.ValueAsync<long>("SELECT epoch FROM rev_1.offsets"));
        var written = await Task.WhenAll(writers.Select(async w =>
        {
            try
            {
                await w.WriteAsync(Batch(0, 1, Row(0)), Stop);
                return 1;
            }
            catch (PostgresException e) when (PostgresFaults.Classify(e) == StoreFault.Fenced)
            {
                return 0;
            }
        }));
        Assert.Equal(1, written.Sum());
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task A_zombie_that_commits_in_time_is_waited_for()
    {
        await using var store = await Store.MigratedAsync();
        using var inside = new SemaphoreSlim(0);
        using var goOn = new SemaphoreSlim(0);
        var zombie = await store.OwnerAsync(armed: p => { if (p == Sinks.Postgres.Events.ArmedPoint.BeforeCommit) { inside.Release(); goOn.Wait(Stop); } });
        var writing = Task.Run(() => zombie.WriteAsync(Batch(0, 1, Row(0)), Stop), Stop);
        await inside.WaitAsync(Stop);
        var next = store.Writer("two").AcquireAsync(Store.Log(), new LogExtent(0, 10), Stop);
        await Pipeline.Tests.Harness.Until.TrueAsync("the next owner waits for the lock", TimeSpan.FromSeconds(10), async () =>
            await store.CountAsync("pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") > 0);
        goOn.Release();
        await writing;
        Assert.Equal(1, (await next).NextOffset);
        await store.AssertConservedAsync();
    }

    /// <summary>A client stopped inside COPY is busy for the server: no idle timeout ever ends it.</summary>
    [Fact]
    public async Task A_zombie_stopped_inside_its_copy_is_ended_and_nothing_of_it_counts()
    {
        await using var store = await Store.MigratedAsync();
        using var inside = new SemaphoreSlim(0);
        using var goOn = new SemaphoreSlim(0);
        var zombie = await store.OwnerAsync(armed: p => { if (p == Sinks.Postgres.Events.ArmedPoint.InsideCopy) { inside.Release(); goOn.Wait(Stop); } });
        var writing = Task.Run(() => zombie.WriteAsync(Batch(0, 2, Row(0), Row(1)), Stop), Stop);
        await inside.WaitAsync(Stop);
        var next = store.Writer("two");
        Assert.Equal(0, (await next.AcquireAsync(Store.Log(), new LogExtent(0, 10), Stop).WaitAsync(TimeSpan.FromSeconds(30), Stop)).NextOffset);
        goOn.Release();
        await Assert.ThrowsAnyAsync<Exception>(() => writing);
        await next.WriteAsync(Batch(0, 1, Row(0, Id(5))), Stop);
        Assert.Equal([Id(5).ToString()], await Rows(store, "SELECT event_id::text FROM pipeline.events"));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task A_zombie_that_is_idle_in_its_transaction_holds_up_nobody_for_long()
    {
        await using var store = await Store.MigratedAsync();
        using var inside = new SemaphoreSlim(0);
        using var goOn = new SemaphoreSlim(0);
        var zombie = await store.OwnerAsync(armed: p => { if (p == Sinks.Postgres.Events.ArmedPoint.BeforeCommit) { inside.Release(); goOn.Wait(Stop); } });
        var writing = Task.Run(() => zombie.WriteAsync(Batch(0, 1, Row(0)), Stop), Stop);
        await inside.WaitAsync(Stop);
        Assert.Equal(0, (await store.Writer("two").AcquireAsync(Store.Log(), new LogExtent(0, 10), Stop).WaitAsync(TimeSpan.FromSeconds(30), Stop)).NextOffset);
        goOn.Release();
        await Assert.ThrowsAnyAsync<Exception>(() => writing);
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task Tries_count_owners_that_vanished()
    {
        await using var store = await Store.MigratedAsync();
        Task<int> Tries() => store.Database.ValueAsync<int>("SELECT tries FROM rev_1.offsets");
        await using var one = await store.OwnerAsync(owner: "one");
        Assert.Equal(0, await Tries());
        // The same process again: a lost fence or a store outage.
        await one.AcquireAsync(Store.Log(), new LogExtent(0, 10), Stop);
        Assert.Equal(0, await Tries());
        // Others, without a release.
        var two = await store.OwnerAsync(owner: "two");
        Assert.Equal(1, await Tries());
        var three = await store.OwnerAsync(owner: "three");
        Assert.Equal(2, await Tries());
        // Progress.
        await three.WriteAsync(Batch(0, 1, Row(0)), Stop);
        Assert.Equal(0, await Tries());
        // A release by an owner that is none any more changes nothing; one in order does.
        await two.ReleaseAsync(Stop);
        var four = await store.OwnerAsync(owner: "four");
        Assert.Equal(1, await Tries());
        await four.ReleaseAsync(Stop);
        Assert.Equal(0, await Tries());
        await store.OwnerAsync(owner: "five");
        Assert.Equal(0, await Tries());
    }

    [Fact]
    public async Task A_topic_made_anew_stops_the_partition_until_it_is_accepted()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 2, Row(0), Row(1)), Stop);
        var anew = Store.Log(topicId: "another-id");
        await StopsAsync(store, "topic_changed", anew with { Replaces = Store.Log().TopicId }, new LogExtent(0, 10));
        await AcceptAsync(store, "new_log");
        // Only in the place of the log that was asked about: an owner that was slow may hold the older id of the two.
        await StopsAsync(store, "topic_changed", anew, new LogExtent(0, 10));
        await StopsAsync(store, "topic_changed", anew with { Replaces = "an-earlier-id" }, new LogExtent(0, 10));
        Assert.Equal(1, await store.CountAsync("control.acceptances WHERE used_at IS NULL"));
        anew = anew with { Replaces = Store.Log().TopicId };
        Assert.Equal(3, (await store.Writer("two").AcquireAsync(anew, new LogExtent(3, 10), Stop)).NextOffset);
        await store.AssertConservedAsync();
        Assert.Equal(["another-id 3 3 open", "topic-id 0 2 closed"],
            await Rows(store, "SELECT topic_id || ' ' || first_offset || ' ' || next_offset || ' ' || CASE WHEN closed_at IS NULL THEN 'open' ELSE 'closed' END FROM rev_1.offsets ORDER BY 1"));
        // The old owner is fenced, and the old log never comes back.
        await Assert.ThrowsAsync<PostgresException>(() => writer.WriteAsync(Batch(2, 3, Row(2)), Stop));
        await AcceptAsync(store, "new_log");
        await StopsAsync(store, "topic_changed", Store.Log(), new LogExtent(0, 10));
        Assert.Equal(1, await store.CountAsync("control.acceptances WHERE used_at IS NULL"));
    }

    [Fact]
    public async Task The_embedded_brokers_new_log_is_accepted_by_itself()
    {
        await using var store = await Store.MigratedAsync();
        await store.OwnerAsync();
        Assert.Equal(0, (await store.Writer("two", acceptNewLogs: true).AcquireAsync(Store.Log(topicId: "another-id") with { Replaces = Store.Log().TopicId }, new LogExtent(0, 0), Stop)).NextOffset);
    }

    [Fact]
    public async Task Records_removed_unread_stop_the_partition_until_the_loss_is_accepted()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 2, Row(0), Row(1)), Stop);
        await StopsAsync(store, "records_expired", Store.Log(), new LogExtent(7, 10));
        await AcceptAsync(store, "loss", partition: 1);
        await StopsAsync(store, "records_expired", Store.Log(), new LogExtent(7, 10));
        await AcceptAsync(store, "loss");
        Assert.Equal(7, (await store.Writer("two").AcquireAsync(Store.Log(), new LogExtent(7, 10), Stop)).NextOffset);
        Assert.Equal(["topic-tenant 5"], await Rows(store, "SELECT tenant || ' ' || n FROM pipeline.outcomes WHERE outcome = 'expired'"));
        await store.AssertConservedAsync();
        // One word, one loss.
        await StopsAsync(store, "records_expired", Store.Log(), new LogExtent(8, 10));
        await AcceptAsync(store, "loss");
        Assert.Equal(9, (await store.Writer("three").AcquireAsync(Store.Log(), new LogExtent(9, 10), Stop)).NextOffset);
        Assert.Equal(["topic-tenant 7"], await Rows(store, "SELECT tenant || ' ' || n FROM pipeline.outcomes WHERE outcome = 'expired'"));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task A_log_that_ends_before_what_was_stored_stops_the_partition()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 2, Row(0), Row(1)), Stop);
        await StopsAsync(store, "offset_beyond_end", Store.Log(), new LogExtent(0, 1));
        Assert.Equal(2, (await store.Writer("two").AcquireAsync(Store.Log(), new LogExtent(0, 2), Stop)).NextOffset);
    }

    [Fact]
    public async Task A_promoted_revision_is_what_the_next_owner_writes_to()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 1, Row(0)), Stop);
        await store.ExecuteAsync("CREATE SCHEMA rev_2");
        await new Migrations(store.Pool).ApplyAsync(Stop);
        await store.ExecuteAsync("UPDATE control.live SET revision = 'rev_2'");
        Assert.Equal(0, (await writer.AcquireAsync(Store.Log(), new LogExtent(0, 10), Stop)).NextOffset);
        await writer.WriteAsync(Batch(0, 1, Row(0)), Stop);
        Assert.Equal((1, 1), (await store.CountAsync("rev_1.events"), await store.CountAsync("rev_2.events")));
    }

    static async Task StopsAsync(Store store, string code, LogPlace log, LogExtent extent)
    {
        var before = await Rows(store, "SELECT o::text FROM rev_1.offsets o ORDER BY 1");
        var mismatch = await Assert.ThrowsAsync<LogMismatchException>(() => store.Writer("other").AcquireAsync(log, extent, Stop));
        Assert.Equal((code, log), (mismatch.Code, mismatch.Log));
        Assert.Contains(log.Topic, mismatch.Message, StringComparison.Ordinal);
        Assert.Equal(before, await Rows(store, "SELECT o::text FROM rev_1.offsets o ORDER BY 1"));
    }

    static Task AcceptAsync(Store store, string kind, int partition = 0) =>
        store.ExecuteAsync("INSERT INTO control.acceptances (consumer, topic, partition, kind) VALUES ('events-postgres', 'efficiency.events', $1, $2)", partition, kind);

    static Task<List<string>> Rows(Store store, string sql) => store.Database.RowsAsync(sql, r => r.GetString(0));
}
