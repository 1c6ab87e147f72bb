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

    static async Task<IReadOnlySet<TaskKey>> SubmitAsync(Store store, string id, ScheduledRun run) => await new ScheduledRuns(store.Pool).SubmitAsync([(Task(id), run)], Stop);

    [Fact]
    public async Task One_of_many_processes_produces_a_run_and_what_it_did_not_produce_another_one_does()
    {
        await using var store = await Store.MigratedAsync();
        var runs = new ScheduledRuns(store.Pool);
        (NewTask, ScheduledRun)[] both = [(Task("a"), Run()), (Task("b"), Run(project: "q"))];
        var told = await System.Threading.Tasks.Task.WhenAll(Enumerable.Range(0, 8).Select(_ => System.Threading.Tasks.Task.Run(() => runs.SubmitAsync(both, Stop))));
        Assert.Equal(["a", "b"], told.SelectMany(t => t.Select(k => k.RequestId)).Order(StringComparer.Ordinal));
        await runs.NoteProducedAsync([Task("a").Key], Stop);
        // Not before its process had its time, and then for one process a minute.
        Assert.Empty(await runs.TakeUnproducedAsync(["styles"], Stop));
        await ExecuteAsync(store, "UPDATE control.scheduled_runs SET claimed_at = now() - interval '2 minutes'");
        Assert.Empty(await runs.TakeUnproducedAsync(["others"], Stop));
        var (task, run, digest) = Assert.Single(await runs.TakeUnproducedAsync(["styles"], Stop));
        Assert.Equal((Task("b").Key, Run(project: "q"), 1), (task, run, digest.Single()));
        Assert.Empty(await runs.TakeUnproducedAsync(["styles"], Stop));
        // Somebody read it: it was in the topic after all.
        await ExecuteAsync(store, "UPDATE control.scheduled_runs SET claimed_at = now() - interval '2 minutes'");
        await new TaskExecution(store.Pool, "one", TimeSpan.FromMinutes(1)).AdmitAsync([(Task("b"), false)], Stop);
        Assert.Empty(await runs.TakeUnproducedAsync(["styles"], Stop));
        Assert.Equal(2, await store.Database.ValueAsync<long>("SELECT count(*) FROM control.tasks"));
    }

    [Fact]
    public async Task Who_is_not_there_any_more_or_asked_to_be_forgotten_is_not_analysed()
    {
        await using var store = await Store.MigratedAsync();
        await MembersAsync(store, "anna", "carl");
        await new ErasureRequests(store.Pool).CreateAsync("default", "carl", null, null, Stop);
        Assert.Single(await SubmitAsync(store, "a", Run("anna")));
        Assert.Empty(await SubmitAsync(store, "b", Run("bert")));
        Assert.Empty(await SubmitAsync(store, "c", Run("anna", "q")));
        Assert.Single(await SubmitAsync(store, "d", Run("anna", project: null)));
        Assert.Empty(await SubmitAsync(store, "e", Run("carl")));
        Assert.Equal(["a", "d"], await store.Database.RowsAsync("SELECT request_id FROM control.scheduled_runs JOIN control.tasks USING (tenant, request_id) ORDER BY 1", r => r.GetString(0)));
    }

    [Fact]
    public async Task Points_are_written_of_what_ended_and_again_when_they_were_not_stored()
    {
        await using var store = await Store.MigratedAsync();
        var finished = new FinishedRuns(store.Pool, TimeSpan.FromSeconds(5));
        foreach (var id in (string[])["done", "failed", "running", "other"])
            await SubmitAsync(store, id, id == "other" ? Run() with { Schedule = "gone" } : Run(project: id));
        // A request of somebody's own that has the next run's id.
        await new TaskExecution(store.Pool, "one", TimeSpan.FromMinutes(1)).AdmitAsync([(Task("forged") with { Digest = [2] }, false)], Stop);
        await SubmitAsync(store, "forged", Run());
        foreach (var id in (string[])["done", "other", "forged"])
            await EndAsync(store, id);
        await EndAsync(store, "failed", TaskState.Abandoned);
        await Assert.ThrowsAsync<TimeoutException>(() => finished.WriteAsync(["styles"], (_, _) => throw new TimeoutException(), Stop));
        var written = new List<FinishedRun>();
        Task<string?> Write(FinishedRun run, CancellationToken stop)
        {
            written.Add(run);
            return System.Threading.Tasks.Task.FromResult(run.State == TaskState.Abandoned ? "refused" : null);
        }
        Assert.Equal(2, await finished.WriteAsync(["styles"], Write, Stop));
        Assert.Equal(new FinishedRun(new TaskKey("default", "done"), Run(project: "done"), TaskState.Completed, """{"value":1}""", """{"rows":["x"]}"""), written.Single(w => w.Task.RequestId == "done"));
        Assert.Equal(0, await finished.WriteAsync(["styles"], Write, Stop));
        await EndAsync(store, "running");
        Assert.Equal(1, await finished.WriteAsync(["styles"], Write, Stop));
        Assert.Equal(["done|t|", "failed|t|refused", "other|f|", "running|t|"], await store.Database.RowsAsync("SELECT request_id || '|' || (points_at IS NOT NULL)::text::char(1) || '|' || coalesce(points_fault, '') FROM pipeline.scheduled_results ORDER BY 1", r => r.GetString(0)));
    }

    [Fact]
    public async Task Points_are_written_by_one_process_at_a_time_and_a_run_that_ends_after_a_later_one_is_told_so()
    {
        await using var store = await Store.MigratedAsync();
        await SubmitAsync(store, "early", Run());
        await SubmitAsync(store, "late", Run() with { DueAt = Due.AddDays(1) });
        await SubmitAsync(store, "elsewhere", Run(project: "q"));
        await EndAsync(store, "late");
        var finished = new FinishedRuns(store.Pool, TimeSpan.FromSeconds(5));
        var told = new List<string>();
        async Task<string?> Write(FinishedRun run, CancellationToken stop)
        {
            Assert.Equal(0, await new FinishedRuns(store.Pool, TimeSpan.FromSeconds(5)).WriteAsync(["styles"], (_, _) => throw new InvalidOperationException(), stop));
            // Whoever reads the request again meanwhile does not wait for InfluxDB.
            Assert.Equal([Admission.Ended], await new TaskExecution(store.Pool, "one", TimeSpan.FromMinutes(1)).AdmitAsync([(Task(run.Task.RequestId), true)], stop));
            told.Add($"{run.Task.RequestId} {run.IsLatest}");
            return null;
        }
        Assert.Equal(1, await finished.WriteAsync(["styles"], Write, Stop));
        await EndAsync(store, "early");
        await EndAsync(store, "elsewhere");
        Assert.Equal(2, await finished.WriteAsync(["styles"], Write, Stop));
        Assert.Equal(["early False", "elsewhere True", "late True"], told.Order(StringComparer.Ordinal));
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
        static DateTime November(int day, int hour = 0) => new(2026, 11, day, hour, 0, 0, DateTimeKind.Utc);
        async Task<string> SubjectsAsync(int days, int users, bool each, string? project = null, DateTime? from = null, DateTime? to = null) => string.Join(" ",
            (await runs.SubjectsAsync(new ScheduledSubjects("default", project, days, users, each), from ?? November(10), to ?? November(13), Stop)).Select(s => $"{s.ProjectId}/{s.UserId}"));
        Assert.Equal("p/anna p/bert", await SubjectsAsync(1, 1, true));
        Assert.Equal("p/anna", await SubjectsAsync(3, 1, true));
        Assert.Equal("p/", await SubjectsAsync(3, 2, false));
        Assert.Equal("", await SubjectsAsync(1, 3, false));
        Assert.Equal("", await SubjectsAsync(1, 1, true, "q"));
        // A window of hours begins within a day; and what is not added up yet counts as well.
        Assert.Equal("p/anna", await SubjectsAsync(1, 1, true, from: November(12, 7)));
        await ExecuteAsync(store, "INSERT INTO rev_1.activity (log_id, bucket, event_type, tool, annotation_type, events, succeeded, durations, duration_us, duration_outliers, first_at, last_at, tenant, user_id, project_id) SELECT 1, '2026-11-22 07:00Z', t, '', '', 1, 0, 0, 0, 0, now(), now(), 'default', CASE t WHEN 1 THEN 'dora' ELSE 'idle' END, 'p' FROM unnest('{1,2}'::smallint[]) t");
        Assert.Equal("p/dora", await SubjectsAsync(1, 1, true, from: November(22, 6), to: November(22, 8)));
    }

    [Fact]
    public async Task An_erased_users_runs_go_with_their_tasks_and_old_ones_when_their_tasks_went()
    {
        await using var store = await Store.MigratedAsync();
        await MembersAsync(store, "anna", "bert");
        var runs = new ScheduledRuns(store.Pool);
        foreach (var user in (string?[])["anna", "bert", null])
            await SubmitAsync(store, user ?? "project", Run(user));
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
