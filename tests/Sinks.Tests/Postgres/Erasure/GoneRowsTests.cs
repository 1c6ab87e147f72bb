using Pipeline.Contracts.Events;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Postgres.Erasure;
using Pipeline.Sinks.Postgres.Events;
using Pipeline.Sinks.Postgres.Retention;
using Pipeline.Sinks.Tests.Postgres.Retention;
using static Pipeline.Sinks.Tests.Postgres.Events.Rows;

namespace Pipeline.Sinks.Tests.Postgres.Erasure;

/// <summary>A user is erased whose rows, or others' rows about the same things, retention has dropped.</summary>
public sealed class GoneRowsTests
{
    const long HourUs = 3600L * 1_000_000;

    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public void What_others_did_to_an_object_stays_although_no_row_says_so()
    {
        var (u, v) = (Of("u"), Of("v"));
        var left = Keep([u(1, EventAction.Create), v(2, EventAction.Complete), v(3, EventAction.Save), u(4, EventAction.Modify)], gone: _ => true);
        Assert.Equal((null, null, "v", At(4)), (left.Created?.UserId, left.Completed?.UserId, left.Saved?.UserId, left.ChangedUs));
        left = Keep([v(1, EventAction.Create), u(2, EventAction.Save), u(3, EventAction.Delete)], gone: r => r.UserId == "v");
        Assert.Equal(("v", "v", null, null, null), (left.Created?.UserId, left.Completed?.UserId, left.Saved?.UserId, left.Deleted?.UserId, left.ChangedUs));
    }

    [Fact]
    public void The_next_whose_row_is_there_becomes_the_first_and_an_object_of_the_user_alone_is_nothing()
    {
        var (u, v) = (Of("u"), Of("v"));
        var left = Keep([u(1, EventAction.Create), v(2, EventAction.Complete), v(3, EventAction.Complete)], gone: r => r.OccurredAtUs < At(3));
        Assert.Equal((null, At(3)), (left.Created, left.Completed?.OccurredAtUs));
        Assert.True(Keep([u(1, EventAction.Create), u(2, EventAction.Modify)], gone: _ => true).IsEmpty);
        Assert.True(Keep([u(1, EventAction.Create), v(2, EventAction.Modify)], gone: _ => true).IsEmpty);
    }

    [Fact]
    public void With_every_row_there_it_is_as_if_the_user_had_never_been()
    {
        var random = Seeds.Next();
        EventAction[] actions = [EventAction.Create, EventAction.Complete, EventAction.Save, EventAction.Modify, EventAction.Delete];
        for (var round = 0; round < 300; round++)
        {
            var rows = Enumerable.Range(0, random.Next(1, 9)).Select(i => Of(random.Next(3) == 0 ? "u" : "v")(random.Next(6), actions[random.Next(actions.Length)])).ToArray();
            var (left, others) = (Keep(rows, gone: _ => false), State(rows.Where(r => r.UserId != "u")));
            Assert.Equal((others.Created, others.Completed, others.Deleted, others.Saved, others.ChangedUs), (left.Created, left.Completed, left.Deleted, left.Saved, left.ChangedUs));
        }
    }

    [Theory]
    // Submitted first by v, again by v; by u, then by v of whom the row is there; by u alone, twice.
    [InlineData("v1 v2", "v1 v2", "v", 2)]
    [InlineData("u1 v2", "u1", "v", 1)]
    [InlineData("u1 u2", "u1 u2", null, 0)]
    [InlineData("v1 u2", "v1", "v", 1)]
    [InlineData("v1 u2", "v1 u2", "v", 2)]
    public void A_task_keeps_the_submits_that_may_be_of_others(string events, string gone, string? by, int submits)
    {
        var rows = events.Split(' ').Select(e => Of(e[..1])(e[1] - '0', EventAction.Submit)).ToList();
        var there = rows.Where(r => !gone.Contains($"{r.UserId}{(r.OccurredAtUs - Monday) / HourUs}", StringComparison.Ordinal)).ToList();
        var left = Task(there.Where(r => r.UserId != "u"));
        GoneRows.Keep(left, Task(rows), Task(there), f => f.UserId == "u");
        Assert.Equal((by, submits), (left.Submitted?.UserId, left.Submits));

        static TaskState Task(IEnumerable<EventRow> of)
        {
            var state = new TaskState();
            foreach (var row in of)
                state.Add(row);
            return state;
        }
    }

    [Fact]
    public async Task A_user_is_erased_whole_although_some_or_all_rows_are_gone_and_others_keep_their_figures()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        const long weekUs = 7 * 24 * HourUs;
        await writer.WriteAsync(Batch(0, 8, Work(0, "u", "a"), Work(1, "v", "a"), Work(2, "v", "b"), Work(3, "u", "b", EventAction.Modify), Work(4, "u", "c", at: Monday + weekUs), Work(5, "v", "c", EventAction.Modify, Monday + weekUs), Work(6, "v", "d"), Work(7, "u", null)), Stop);
        await WeekRetentionTests.DropAsync(store, EventStatements.Time(Monday + weekUs));
        Assert.Equal(2, await store.CountAsync("pipeline.events"));
        var others = await OthersAsync(store);

        var requests = new ErasureRequests(store.Pool);
        await requests.CreateAsync("default", "u", null, null, Stop);
        // The user returns, and does something to an object of before.
        var now = (DateTime.UtcNow.AddMinutes(1) - DateTime.UnixEpoch).Ticks / 10;
        await writer.WriteAsync(Batch(8, 9, Work(8, "u", "d", EventAction.Save, now)), Stop);
        await EraseAsync(store, requests);
        Assert.Equal(others, await OthersAsync(store));
        Assert.Equal([(1L, 0L)], await store.Database.RowsAsync("SELECT sum(events)::bigint, coalesce(sum(completed), 0)::bigint FROM pipeline.activity WHERE user_id = 'u' GROUP BY bucket", r => (r.GetInt64(0), r.GetInt64(1))));
        Assert.Equal(0, await store.CountAsync("pipeline.objects WHERE 'u' IN ((created).user_id, (completed).user_id, (deleted).user_id)"));
        Assert.Equal(["b", "d"], await store.Database.RowsAsync("SELECT object_id FROM pipeline.objects WHERE (completed).user_id IS NOT NULL ORDER BY 1", r => r.GetString(0)));

        await requests.CreateAsync("default", "u", null, null, Stop);
        await store.ExecuteAsync("UPDATE control.tombstones SET received_until = received_until + interval '1 hour'; UPDATE control.erasures SET requested_at = requested_at + interval '1 hour'");
        await EraseAsync(store, requests);
        foreach (var trace in (string[])["events WHERE user_id = 'u'", "activity WHERE user_id = 'u'", "members WHERE user_id = 'u'", "objects WHERE 'u' IN ((created).user_id, (completed).user_id, (deleted).user_id, (saved).user_id)"])
            Assert.Equal(0, await store.CountAsync($"pipeline.{trace}"));
        Assert.Equal(others, await OthersAsync(store));
        Assert.Equal(0, await store.CountAsync("pipeline.conservation WHERE difference <> 0"));
    }

    [Fact]
    public async Task A_range_whose_rows_may_be_gone_is_refused_and_a_week_waits_for_an_erasure_that_is_open()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        const long weekUs = 7 * 24 * HourUs;
        await writer.WriteAsync(Batch(0, 2, Work(0, "u", "a"), Work(1, "u", "b", at: Monday + (2 * weekUs))), Stop);
        var requests = new ErasureRequests(store.Pool);
        var (monday, third) = (EventStatements.Time(Monday), EventStatements.Time(Monday + (2 * weekUs)));
        var id = await requests.CreateAsync("default", "u", monday.AddHours(5), monday.AddHours(6), Stop);
        await using (var session = await store.Sessions.OpenConnectionAsync(Stop))
        {
            var weeks = new WeekRetention(session);
            var week = Assert.Single(await weeks.EndedByAsync("rev_1", third, Stop));
            Assert.Equal(WeekDrop.HeldByErasure, await weeks.TryDropAsync("rev_1", week, Stop));
            await requests.NoteAsync(id, ErasureRequests.Postgres, new Dictionary<string, long>(), null, verified: true, Stop);
            Assert.Equal(WeekDrop.Dropped, await weeks.TryDropAsync("rev_1", week, Stop));
        }
        var tombstones = await store.CountAsync("control.tombstones");
        foreach (var (from, to) in ((DateTime?, DateTime?)[])[(monday, monday.AddDays(1)), (null, third), (monday, null)])
            Assert.Equal(monday.AddDays(8).AddHours(1), (await Assert.ThrowsAsync<RowsExpiredException>(() => requests.CreateAsync("default", "u", from, to, Stop))).From);
        Assert.Equal(tombstones, await store.CountAsync("control.tombstones"));
        // Later ones, users of whom nothing is gone, and whole users are not.
        await requests.CreateAsync("default", "u", third, null, Stop);
        await requests.CreateAsync("default", "nobody", monday, third, Stop);
        await requests.CreateAsync("default", "u", null, null, Stop);
        await EraseAsync(store, requests);
        Assert.Equal(0, await store.CountAsync("pipeline.activity"));
    }

    /// <summary>InfluxDB has no ledger of its own.</summary>
    [Fact]
    public async Task A_copy_of_what_has_no_row_any_more_is_none_of_a_user_who_returned()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        const long weekUs = 7 * 24 * HourUs;
        await writer.WriteAsync(Batch(0, 2, Work(0, "u", "a"), Work(1, "u", "b", at: Monday + weekUs)), Stop);
        var reader = new TombstoneReader(store.Pool);
        var (monday, later) = (EventStatements.Time(Monday), EventStatements.Time(Monday + (2 * weekUs)));
        Task<IReadOnlySet<Guid>> AskAsync(DateTime at) => reader.ErasedAsync("default", [(Id(0), at), (Id(1), at), (Id(2), at)], Stop);
        Assert.Empty(await AskAsync(later));
        await WeekRetentionTests.DropAsync(store, EventStatements.Time(Monday + weekUs));
        Assert.Equal([Id(0)], await AskAsync(later));
        // The same record, read again.
        Assert.Empty(await AskAsync(monday));
        await store.ExecuteAsync("UPDATE rev_1.event_ledger SET digest = ''");
        Assert.Equal([Id(0), Id(1)], (await AskAsync(monday)).Order());
    }

    static async Task EraseAsync(Store store, ErasureRequests requests)
    {
        var erasure = new PostgresErasure(store.Sessions);
        foreach (var request in await requests.OpenAsync(ErasureRequests.Postgres, Stop))
        {
            await erasure.EraseAsync(request, Stop);
            Assert.Empty(await erasure.FindAsync(request, Stop));
            await requests.NoteAsync(request.Id, ErasureRequests.Postgres, new Dictionary<string, long>(), null, verified: true, Stop);
        }
    }

    /// <summary>Everybody else's counts, whichever log's rows they stand in.</summary>
    static Task<List<string>> OthersAsync(Store store) => store.Database.RowsAsync("""
        SELECT concat_ws(' ', user_id, bucket, sum(events), coalesce(sum(completed), 0), coalesce(sum(net), 0), coalesce(sum(objects_saved), 0), coalesce(sum(objects_reworked), 0), bit_or(slots)) FROM pipeline.activity
        WHERE user_id <> 'u' GROUP BY user_id, bucket ORDER BY 1
        """, r => r.GetString(0));

    static EventRow Work(long offset, string user, string? subject, EventAction action = EventAction.Create, long at = Monday)
    {
        var about = subject is null ? "" : $",\"objectId\":\"{subject}\"";
        var value = $$$"""
            {"event_type":"annotation","timestamp":"{{{EventStatements.Time(at):yyyy-MM-ddTHH:mm:ssZ}}}","user_id":"{{{user}}}","project_id":"p","data":{"type":"{{{action.ToString().ToLowerInvariant()}}}","annotationType":"box","duration":1000,"success":true{{{about}}}}}
            """;
        return Row(offset, user: user, loggedAtUs: at, occurredAtUs: at, value: value, action: action, objectId: subject);
    }

    static Func<int, EventAction, EventRow> Of(string user) => (hour, action) => Row(hour, Guid.CreateVersion7(), user: user, occurredAtUs: At(hour), action: action, objectId: "o", taskId: "t");

    static long At(int hour) => Monday + (hour * HourUs);

    static ObjectState State(IEnumerable<EventRow> rows)
    {
        var state = new ObjectState();
        foreach (var row in rows)
            state.Add(row);
        return state;
    }

    /// <summary>What is left of the object when u is erased.</summary>
    static ObjectState Keep(EventRow[] rows, Func<EventRow, bool> gone)
    {
        var there = rows.Where(r => !gone(r)).ToList();
        var left = State(there.Where(r => r.UserId != "u"));
        GoneRows.Keep(left, State(rows), State(there), f => f.UserId == "u");
        return left;
    }
}
