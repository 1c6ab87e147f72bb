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
}
