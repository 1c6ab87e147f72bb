using Pipeline.Contracts.Analysis;
using Pipeline.Sinks.Postgres.Erasure;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Sinks.Tests.Postgres.Tasks;

public sealed class ScheduledRunsTests
{
    static readonly DateTime Due = new(2026, 11, 22, 4, 20, 0, DateTimeKind.Utc);

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    static NewTask Task(string id) => new(new TaskKey("default", id), [1], "kmeans", AnalysisPriority.Low);

    static ScheduledRun Run(string? user = null, string? project = "p") => new("styles", Due, project, user);

    static Task ExecuteAsync(Store store, string sql) => store.Database.RowsAsync(sql, _ => 0);

    static Task MembersAsync(Store store, params string[] users) =>
        ExecuteAsync(store, $"INSERT INTO rev_1.members (tenant, project_id, user_id) SELECT 'default', 'p', unnest(ARRAY[{string.Join(", ", users.Select(u => $"'{u}'"))}])");

    static Task EndAsync(Store store, string id, TaskState state = TaskState.Completed) =>
        new TaskAnswers(store.Pool).WriteAsync([new TaskAnswer(new TaskKey("default", id), state, state == TaskState.Completed ? """{"value":1}""" : null, null, """{"rows":["x"]}""")], Stop);

    [Fact]
    public async Task One_of_many_processes_produces_a_run_and_one_that_died_before_it_did_is_followed_by_another()
    {
        await using var store = await Store.MigratedAsync();
        var runs = new ScheduledRuns(store.Pool);
        var told = await System.Threading.Tasks.Task.WhenAll(Enumerable.Range(0, 8).Select(_ => System.Threading.Tasks.Task.Run(() => runs.SubmitAsync(Task("a"), Run(), Stop))));
        Assert.Single(told, RunSubmission.Produce);
        Assert.Equal(7, told.Count(t => t == RunSubmission.Pending));
        // Nobody has read it for longer than producing takes.
        await ExecuteAsync(store, "UPDATE control.tasks SET submitted_at = now() - interval '2 minutes'");
        Assert.Equal(RunSubmission.Produce, await runs.SubmitAsync(Task("a"), Run(), Stop));
        await new TaskExecution(store.Pool, "one", TimeSpan.FromMinutes(1)).AdmitAsync([(Task("a"), false)], Stop);
        Assert.Equal(RunSubmission.Done, await runs.SubmitAsync(Task("a"), Run(), Stop));
        Assert.Equal(1, await store.Database.ValueAsync<long>("SELECT count(*) FROM control.tasks"));
    }

    [Fact]
    public async Task Who_is_not_there_any_more_is_not_analysed()
    {
        await using var store = await Store.MigratedAsync();
        await MembersAsync(store, "anna");
        var runs = new ScheduledRuns(store.Pool);
        Assert.Equal(RunSubmission.Produce, await runs.SubmitAsync(Task("a"), Run("anna"), Stop));
        Assert.Equal(RunSubmission.Done, await runs.SubmitAsync(Task("b"), Run("bert"), Stop));
        Assert.Equal(RunSubmission.Done, await runs.SubmitAsync(Task("c"), Run("anna", "q"), Stop));
        Assert.Equal(RunSubmission.Produce, await runs.SubmitAsync(Task("d"), Run("anna", project: null), Stop));
        Assert.Equal(["a", "d"], await store.Database.RowsAsync("SELECT request_id FROM control.scheduled_runs JOIN control.tasks USING (tenant, request_id) ORDER BY 1", r => r.GetString(0)));
    }

    [Fact]
    public async Task Points_are_written_of_what_ended_and_again_when_they_were_not_stored()
    {
        await using var store = await Store.MigratedAsync();
        var runs = new ScheduledRuns(store.Pool);
        foreach (var id in (string[])["done", "failed", "running", "other"])
            await runs.SubmitAsync(Task(id), id == "other" ? Run() with { Schedule = "gone" } : Run(), Stop);
        await EndAsync(store, "done");
        await EndAsync(store, "failed", TaskState.Abandoned);
        await EndAsync(store, "other");
        await Assert.ThrowsAsync<TimeoutException>(() => runs.WriteFinishedAsync(["styles"], (_, _) => throw new TimeoutException(), Stop));
        var written = new List<FinishedRun>();
        Task<string?> Write(FinishedRun run, CancellationToken stop)
        {
            written.Add(run);
            return System.Threading.Tasks.Task.FromResult(run.State == TaskState.Abandoned ? "refused" : null);
        }
        Assert.Equal(2, await runs.WriteFinishedAsync(["styles"], Write, Stop));
        Assert.Equal(new FinishedRun(new TaskKey("default", "done"), Run(), TaskState.Completed, """{"value":1}""", """{"rows":["x"]}"""), written.Single(w => w.Task.RequestId == "done"));
        Assert.Equal(0, await runs.WriteFinishedAsync(["styles"], Write, Stop));
        await EndAsync(store, "running");
        Assert.Equal(1, await runs.WriteFinishedAsync(["styles"], Write, Stop));
        Assert.Equal(["done|t|", "failed|t|refused", "other|f|", "running|t|"], await store.Database.RowsAsync("SELECT request_id || '|' || (points_at IS NOT NULL)::text::char(1) || '|' || coalesce(points_fault, '') FROM pipeline.scheduled_results ORDER BY 1", r => r.GetString(0)));
    }

    [Fact]
    public async Task Subjects_are_those_with_enough_days_and_users_in_the_window()
    {
        await using var store = await Store.MigratedAsync();
        var zeros = string.Join(", ", (await store.Database.RowsAsync("SELECT attname FROM pg_attribute WHERE attrelid = 'rev_1.activity_days'::regclass AND attnum > 0 AND attnotnull", r => r.GetString(0)))
            .Except(["day", "tenant", "project_id", "user_id", "annotations"]));
        async Task AddAsync(string project, string user, int annotations, params int[] days)
        {
            foreach (var day in days)
                await ExecuteAsync(store, $"INSERT INTO rev_1.activity_days (day, tenant, project_id, user_id, annotations, {zeros}) SELECT '2026-11-{day:00} 00:00Z', 'default', '{project}', '{user}', {annotations}{string.Concat(zeros.Split(',').Select(_ => ", 0"))}");
        }
        await AddAsync("p", "anna", 5, 10, 11, 12);
        await AddAsync("p", "bert", 5, 10, 11);
        await AddAsync("p", "idle", 0, 10, 11, 12);
        await AddAsync("q", "anna", 5, 1, 2, 3, 13);
        var runs = new ScheduledRuns(store.Pool);
        async Task<string> SubjectsAsync(int days, int users, bool each, string? project = null) => string.Join(" ", (await runs.SubjectsAsync("default", project,
            (new DateTime(2026, 11, 10, 0, 0, 0, DateTimeKind.Utc), new DateTime(2026, 11, 13, 0, 0, 0, DateTimeKind.Utc)), (days, users), each, Stop)).Select(s => $"{s.ProjectId}/{s.UserId}"));
        Assert.Equal("p/anna p/bert", await SubjectsAsync(1, 1, true));
        Assert.Equal("p/anna", await SubjectsAsync(3, 1, true));
        Assert.Equal("p/", await SubjectsAsync(3, 2, false));
        Assert.Equal("", await SubjectsAsync(1, 3, false));
        Assert.Equal("", await SubjectsAsync(1, 1, true, "q"));
    }

    [Fact]
    public async Task An_erased_users_runs_go_with_their_tasks_and_old_ones_when_their_tasks_went()
    {
        await using var store = await Store.MigratedAsync();
        await MembersAsync(store, "anna", "bert");
        var runs = new ScheduledRuns(store.Pool);
        foreach (var user in (string?[])["anna", "bert", null])
            await runs.SubmitAsync(Task(user ?? "project"), Run(user) with { DueAt = DateTime.UtcNow.AddMinutes(-1) }, Stop);
        var requests = new ErasureRequests(store.Pool);
        var id = await requests.CreateAsync("default", "anna", null, null, Stop);
        var request = (await requests.OpenAsync(ErasureRequests.Postgres, Stop)).Single(r => r.Id == id);
        var erasure = new PostgresErasure(store.Sessions);
        Assert.Equal(1, (await erasure.FindAsync(request, Stop))["control.scheduled_runs"]);
        Assert.Equal(1, (await erasure.EraseAsync(request, Stop))["scheduled_runs"]);
        // Of whom there is no event the eraser knows no project.
        await ExecuteAsync(store, "DELETE FROM rev_1.members WHERE user_id = 'anna'");
        Assert.Empty(await erasure.FindAsync(request, Stop));
        Assert.Equal(["bert", "project"], await store.Database.RowsAsync("SELECT t.request_id FROM control.tasks t JOIN control.scheduled_runs r USING (tenant, request_id) ORDER BY 1", r => r.GetString(0)));

        await ExecuteAsync(store, "UPDATE control.scheduled_runs SET due_at = now() - interval '2 days'");
        await ExecuteAsync(store, "DELETE FROM control.tasks WHERE request_id = 'bert'");
        Assert.Equal(1, await runs.ForgetAsync(TimeSpan.FromDays(1), Stop));
        Assert.Equal(["project"], await store.Database.RowsAsync("SELECT request_id FROM control.scheduled_runs", r => r.GetString(0)));
    }
}
