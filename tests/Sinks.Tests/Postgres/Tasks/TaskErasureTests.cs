using Pipeline.Contracts.Analysis;
using Pipeline.Sinks.Postgres.Erasure;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Sinks.Tests.Postgres.Tasks;

public sealed class TaskErasureTests
{
    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Answers_that_name_an_erased_user_are_erased_and_no_others()
    {
        await using var store = await Store.MigratedAsync();
        var execution = new TaskExecution(store.Pool, "one", TimeSpan.FromMinutes(1));
        (string Id, string Tenant, string? Metadata)[] tasks =
        [
            ("names", "default", """{"engine":"native","rows":["anna","bert"]}"""), ("others", "default", """{"engine":"native","rows":["bert"]}"""), ("none", "default", """{"engine":"native"}"""),
            ("unmade", "default", null), ("tenant's", "acme", """{"rows":["anna"]}"""),
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
        Assert.Equal(1, (await erasure.FindAsync(request, Stop))["control.tasks"]);
        Assert.Equal(1, (await erasure.EraseAsync(request, Stop))["analyses"]);
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
        static TaskAnswer Answer(string id, string user) => new(new TaskKey("default", id), TaskState.Completed, """{"labels":[1]}""", null, $$"""{"rows":["{{user}}"]}""");
        await AdmitAsync("under way");
        await AdmitAsync("of another");
        await new ErasureRequests(store.Pool).CreateAsync("default", "anna", null, null, Stop);
        await AdmitAsync("of who returned");
        var answers = new TaskAnswers(store.Pool);
        Assert.Equal(3, await answers.WriteAsync([Answer("under way", "anna"), Answer("of another", "bert"), Answer("of who returned", "anna")], Stop));
        Assert.Equal(["of another|7|", "of who returned|7|", "under way|8|erased"], await store.Database.RowsAsync("SELECT concat_ws('|', request_id, state, coalesce(error_code, '')) FROM control.tasks ORDER BY 1", r => r.GetString(0)));
        Assert.Equal(0, await store.Database.ValueAsync<long>("SELECT count(*) FROM control.tasks WHERE request_id = 'under way' AND (result IS NOT NULL OR metadata IS NOT NULL)"));

        // While an answer is being written, a wish waits, so that what it deletes later is all there.
        await AdmitAsync("written");
        await using var writing = await store.Sessions.OpenConnectionAsync(Stop);
        await using (var held = writing.CreateCommand())
        {
            held.CommandText = "BEGIN; SELECT version FROM control.tombstone_state FOR SHARE";
            await held.ExecuteNonQueryAsync(Stop);
        }
        var requests = new ErasureRequests(store.Pool);
        var wish = requests.CreateAsync("default", "bert", null, null, Stop);
        await Task.Delay(200, Stop);
        Assert.False(wish.IsCompleted);
        var late = answers.WriteAsync([Answer("written", "bert")], Stop);
        await using (var commit = writing.CreateCommand())
        {
            commit.CommandText = "COMMIT";
            await commit.ExecuteNonQueryAsync(Stop);
        }
        var id = await wish;
        var request = (await requests.OpenAsync(ErasureRequests.Postgres, Stop)).Single(r => r.Id == id);
        await new PostgresErasure(store.Sessions).EraseAsync(request, Stop);
        await late;
        Assert.Equal(0, await store.Database.ValueAsync<long>("SELECT count(*) FROM control.tasks WHERE metadata::text LIKE '%bert%'"));
    }
}
