using System.Text;
using Npgsql;
using Pipeline.Contracts.Analysis;
using Pipeline.Contracts.Events;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Erasure;
using Pipeline.Sinks.Postgres.Events;
using Pipeline.Sinks.Postgres.Tasks;
using TaskState = Pipeline.Contracts.Analysis.TaskState;

namespace Pipeline.Sinks.Tests.Postgres.Tasks;

public sealed class TaskErasureTests
{
    static readonly TimeSpan Within = TimeSpan.FromSeconds(30);

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Answers_that_name_an_erased_user_are_erased_and_no_others()
    {
        await using var store = await Store.MigratedAsync();
        var execution = new TaskExecution(store.Pool, "one", TimeSpan.FromMinutes(1));
        (string Id, string Tenant, string? Metadata)[] tasks =
        [
            ("names", "default", """{"engine":"native","users":["anna","bert"]}"""), ("others", "default", """{"engine":"native","rows":["anna"],"users":["bert"]}"""), ("none", "default", """{"engine":"native"}"""),
            ("unmade", "default", null), ("tenant's", "acme", """{"users":["anna"]}"""), ("series", "default", """{"rows":["2026-11-21T00:00:00Z"],"user_id":"anna"}"""),
        ];
        foreach (var (task, tenant, metadata) in tasks)
        {
            await execution.AdmitAsync([(new NewTask(new TaskKey(tenant, task), [1], "kmeans", AnalysisPriority.Normal), true)], Stop);
            await new TaskAnswers(store.Pool).WriteAsync([new TaskAnswer(new TaskKey(tenant, task), TaskState.Completed, "{}", null, metadata)], Stop);
        }
        var requests = new ErasureRequests(store.Pool);
        var id = await requests.CreateAsync("default", "anna", null, null, Stop);
        var request = (await requests.OpenAsync(ErasureRequests.Postgres, Stop)).Single(r => r.Id == id);
        var erasure = new PostgresErasure(store.Sessions);
        Assert.Equal(2, (await erasure.FindAsync(request, Stop))["control.tasks"]);
        Assert.Equal(2, (await erasure.EraseAsync(request, Stop))["analyses"]);
        Assert.Empty(await erasure.FindAsync(request, Stop));
        Assert.Equal(["none", "others", "tenant's", "unmade"], await store.Database.RowsAsync("SELECT request_id FROM control.tasks ORDER BY 1", r => r.GetString(0)));
    }

    /// <summary>However the two meet: an answer comes before, while or after the erasure is carried out.</summary>
    [Fact]
    public async Task An_answer_that_comes_after_its_users_erasure_is_not_stored()
    {
        await using var store = await Store.MigratedAsync();
        var execution = new TaskExecution(store.Pool, "one", TimeSpan.FromMinutes(1));
        Task AdmitAsync(string id) => execution.AdmitAsync([(new NewTask(new TaskKey("default", id), [1], "kmeans", AnalysisPriority.Normal), true)], Stop);
        static TaskAnswer Answer(string id, string user) => new(new TaskKey("default", id), TaskState.Completed, """{"labels":[1]}""", null, $$"""{"users":["{{user}}"]}""");
        await AdmitAsync("under way");
        await AdmitAsync("of another");
        var logged = await store.Database.ValueAsync<DateTime>("SELECT clock_timestamp()");
        var requests = new ErasureRequests(store.Pool);
        var id = await requests.CreateAsync("default", "anna", null, null, Stop);
        // What it reads is still there.
        await AdmitAsync("before it was carried out");
        await requests.NoteAsync(id, ErasureRequests.Postgres, new Dictionary<string, long>(), null, verified: true, Stop);
        await AdmitAsync("of who returned");
        // Its row went with the erasure, and its record is read again.
        await execution.AdmitAsync([(new NewTask(new TaskKey("default", "read again"), [1], "kmeans", AnalysisPriority.Normal) { LoggedAt = logged }, true)], Stop);
        Assert.Equal(5, await new TaskAnswers(store.Pool).WriteAsync(
            [Answer("under way", "anna"), Answer("of another", "bert"), Answer("before it was carried out", "anna"), Answer("of who returned", "anna"), Answer("read again", "anna")], Stop));
        Assert.Equal(["before it was carried out|8|erased", "of another|7|", "of who returned|7|", "read again|8|erased", "under way|8|erased"],
            await store.Database.RowsAsync("SELECT concat_ws('|', request_id, state, coalesce(error_code, '')) FROM control.tasks ORDER BY 1", r => r.GetString(0)));
        Assert.Equal(0, await store.Database.ValueAsync<long>("SELECT count(*) FROM control.tasks WHERE state = 8 AND (result IS NOT NULL OR metadata IS NOT NULL)"));
    }

    /// <summary>Behind the fence: a wish that comes while an answer is being written waits for it, so that what it deletes later is all there.</summary>
    [Fact]
    public async Task A_wish_waits_for_answers_that_are_being_written()
    {
        await using var store = await Store.MigratedAsync();
        await new TaskExecution(store.Pool, "one", TimeSpan.FromMinutes(1)).AdmitAsync([(new NewTask(new TaskKey("default", "written"), [1], "kmeans", AnalysisPriority.Normal), true)], Stop);
        await using var holder = await store.Sessions.OpenConnectionAsync(Stop);
        await using var held = await holder.BeginTransactionAsync(Stop);
        await using (var row = new NpgsqlCommand("SELECT FROM control.tasks WHERE request_id = 'written' FOR UPDATE", holder))
            await row.ExecuteNonQueryAsync(Stop);
        var writing = new TaskAnswers(store.Pool).WriteAsync([new TaskAnswer(new TaskKey("default", "written"), TaskState.Completed, "{}", null, """{"users":["bert"]}""")], Stop);
        await Until.TrueAsync("the answer waits for the row", Within, async () => writing.IsCompleted ? await writing > 0 : await WaitingAsync(store, "%UPDATE control.tasks%"));
        var requests = new ErasureRequests(store.Pool);
        var wish = requests.CreateAsync("default", "bert", null, null, Stop);
        await Until.TrueAsync("the wish waits, or does not", Within, async () => wish.IsCompleted || await WaitingAsync(store, "UPDATE control.tombstone_state%"));
        Assert.False(wish.IsCompleted);
        await held.RollbackAsync(Stop);
        Assert.Equal(1, await writing);
        var id = await wish;
        var request = (await requests.OpenAsync(ErasureRequests.Postgres, Stop)).Single(r => r.Id == id);
        Assert.Equal(1, (await new PostgresErasure(store.Sessions).EraseAsync(request, Stop))["analyses"]);
    }

    static Task<bool> WaitingAsync(Store store, string statement) =>
        store.Database.ValueAsync<bool>("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1)", statement);

    [Fact]
    public async Task Letters_of_requests_for_a_users_events_are_theirs()
    {
        await using var store = await Store.MigratedAsync();
        var log = new LogPlace("analysis", "analysis.requests", "id", 0);
        static DeadLetter Letter(long offset, string user, long? loggedAtUs = null) => new()
        {
            Offset = offset, Tenant = "default", Key = "schedule/x"u8.ToArray(), Value = Encoding.UTF8.GetBytes("{\"algorithm\":\"sum\",\"input\":{\"events\":{\"metric\":\"items\",\"user_id\":\"" + user + "\"}}}"),
            Fault = new EventFault(FaultReason.AnalysisRefused), Headers = [], LoggedAtUs = loggedAtUs ?? (DateTime.UtcNow - DateTime.UnixEpoch).Ticks / 10,
        };
        await new DeadLetterWriter(store.Pool).WriteAsync(log, [Letter(1, @"\u0061nna"), Letter(2, "bert"), Letter(3, "anna")], Stop);
        var requests = new ErasureRequests(store.Pool);
        var id = await requests.CreateAsync("default", "anna", null, null, Stop);
        var request = (await requests.OpenAsync(ErasureRequests.Postgres, Stop)).Single(r => r.Id == id);
        Assert.Equal(2, (await new PostgresErasure(store.Sessions).EraseAsync(request, Stop))["dead_letters"]);
        // One that comes late.
        await new DeadLetterWriter(store.Pool).WriteAsync(log, [Letter(4, @"a\u006ena", 1)], Stop);
        Assert.Equal([2L], await store.Database.RowsAsync("SELECT \"offset\" FROM control.dead_letters", r => r.GetInt64(0)));
    }
}
