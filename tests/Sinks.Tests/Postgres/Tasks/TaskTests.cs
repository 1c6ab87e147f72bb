using Pipeline.Contracts.Analysis;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Sinks.Tests.Postgres.Tasks;

/// <summary>The row of a request is its answer, whoever writes it how often.</summary>
public sealed class TaskTests
{
    static readonly TimeSpan Lease = TimeSpan.FromMinutes(1), Over = TimeSpan.FromMilliseconds(1);

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    static TaskKey Key(string id) => new("default", id);

    static NewTask Task(string id, byte digest = 1) => new(Key(id), [digest], "sum", AnalysisPriority.Normal);

    static TaskAnswer Answer(string id, string result) => new(Key(id), TaskState.Completed, $$"""{"value":{{result}}}""", null, """{"engine":"native","duration_ms":1.5}""");

    static TaskExecution Process(Store store, string owner, TimeSpan? lease = null) => new(store.Pool, owner, lease ?? Lease);

    static async Task<string> StateAsync(Store store, string id) =>
        (await store.Database.RowsAsync($"SELECT concat_ws('|', array_to_string(states, ','), attempts, owner, error_code, result ->> 'value') FROM control.tasks WHERE request_id = '{id}'", r => r.GetString(0))).SingleOrDefault("none");

    [Fact]
    public async Task The_same_request_is_one_task_and_another_one_of_its_id_a_conflict()
    {
        await using var store = await Store.MigratedAsync();
        var requests = new TaskRequests(store.Pool);
        Assert.True(await requests.SubmitAsync(Task("a"), Stop) is (Submission.New, TaskState.Submitted, _));
        var (known, state, at) = await requests.SubmitAsync(Task("a"), Stop);
        Assert.Equal((Submission.Known, TaskState.Submitted), (known, state));
        Assert.True(await requests.SubmitAsync(Task("a", 2), Stop) is (Submission.Conflict, TaskState.Submitted, _));
        Assert.Equal(Submission.New, (await requests.SubmitAsync(Task("a") with { Key = new("other", "a") }, Stop)).Submission);
        await requests.RemoveAsync(Task("a", 2), at, Stop);
        Assert.Equal("1|0", (await StateAsync(store, "a' AND tenant = 'default")));
        await requests.RemoveAsync(Task("a"), at, Stop);
        Assert.Equal("none", await StateAsync(store, "a' AND tenant = 'default"));
    }

    [Fact]
    public async Task Who_was_refused_by_the_broker_leaves_a_row_that_was_asked_for_again_to_the_other()
    {
        await using var store = await Store.MigratedAsync();
        var requests = new TaskRequests(store.Pool);
        var first = await requests.SubmitAsync(Task("a"), Stop);
        var second = await requests.SubmitAsync(Task("a"), Stop);
        Assert.Equal((Submission.New, Submission.Known), (first.Submission, second.Submission));
        // The second one's record is in the topic, and its client was told so: the task is there, and nobody else gets its id.
        await requests.RemoveAsync(Task("a"), first.At, Stop);
        Assert.Equal("1|0", await StateAsync(store, "a"));
        Assert.Equal(Submission.Conflict, (await requests.SubmitAsync(Task("a", 2), Stop)).Submission);
        // What nobody asked for again is its submitter's alone; what was read is nobody's to remove.
        var alone = await requests.SubmitAsync(Task("b"), Stop);
        await requests.RemoveAsync(Task("b"), alone.At, Stop);
        Assert.Equal("none", await StateAsync(store, "b"));
        var read = await requests.SubmitAsync(Task("c"), Stop);
        await Process(store, "one").AdmitAsync([(Task("c"), true)], Stop);
        await requests.RemoveAsync(Task("c"), read.At, Stop);
        Assert.Equal("1,2,4|1|one", await StateAsync(store, "c"));
    }

    [Fact]
    public async Task What_was_read_is_executed_unless_it_ended_conflicts_or_somebody_else_began()
    {
        await using var store = await Store.MigratedAsync();
        var requests = new TaskRequests(store.Pool);
        foreach (var id in (string[])["submitted", "cancelled", "conflict"])
            await requests.SubmitAsync(Task(id), Stop);
        Assert.True(await requests.CancelAsync(Key("cancelled"), Stop));
        Assert.False(await requests.CancelAsync(Key("cancelled"), Stop));
        var (one, two) = (Process(store, "one"), Process(store, "two"));
        Assert.Equal([Admission.Execute], await two.AdmitAsync([(Task("begun"), true)], Stop));
        Assert.Equal([Admission.Execute, Admission.Execute, Admission.Execute, Admission.Ended, Admission.Conflict, Admission.Begun],
            await one.AdmitAsync([(Task("new"), true), (Task("waits"), false), (Task("submitted"), true), (Task("cancelled"), true), (Task("conflict", 9), true), (Task("begun"), true)], Stop));
        Assert.Equal(["1,2,4|1|one", "1,2|0", "1,2,4|1|one", "1,9|0", "1|0", "1,2,4|1|two"],
            [await StateAsync(store, "new"), await StateAsync(store, "waits"), await StateAsync(store, "submitted"), await StateAsync(store, "cancelled"), await StateAsync(store, "conflict"), await StateAsync(store, "begun")]);
        // Read again by the same process after a failure of its batch: nobody died.
        Assert.Equal([Admission.Execute], await one.AdmitAsync([(Task("new"), true)], Stop));
        Assert.Equal("1,2,4,2,4|2|one", await StateAsync(store, "new"));
    }

    [Fact]
    public async Task What_was_given_up_unread_is_not_executed_and_what_was_begun_and_given_up_is()
    {
        await using var store = await Store.MigratedAsync();
        await new TaskRequests(store.Pool).SubmitAsync(Task("unread"), Stop);
        await System.Threading.Tasks.Task.Delay(20, Stop);
        await new TaskAnswers(store.Pool).AbandonUnreadAsync(Over, Stop);
        var (one, two) = (Process(store, "one"), Process(store, "two"));
        Assert.Equal([Admission.TooLate, Admission.Execute], await one.AdmitAsync([(Task("unread"), true), (Task("begun"), true)], Stop));
        await two.ReleaseAsync([Key("begun")], Stop);
        Assert.Equal([Admission.Begun], await two.AdmitAsync([(Task("begun"), true)], Stop));
        await one.ReleaseAsync([Key("begun"), Key("unread"), Key("none")], Stop);
        Assert.Equal([Admission.Execute], await two.AdmitAsync([(Task("begun"), true)], Stop));
        Assert.Equal(["1,8|0|not_read", "1,2,4,2,2,4|2|two"], [await StateAsync(store, "unread"), await StateAsync(store, "begun")]);
        // A task that is another's now, or has ended, is executed no further.
        await new TaskRequests(store.Pool).SubmitAsync(Task("ended"), Stop);
        await new TaskAnswers(store.Pool).WriteAsync([Answer("ended", "1")], Stop);
        Assert.Equal([Key("begun"), Key("ended")], (await one.RenewAsync([Key("begun"), Key("ended")], Stop)).OrderBy(k => k.RequestId));
    }

    [Fact]
    public async Task The_last_state_is_noted_however_many_there_were()
    {
        await using var store = await Store.MigratedAsync();
        var one = Process(store, "one");
        for (var i = 0; i < 110; i++)
            await one.AdmitAsync([(Task("a"), true)], Stop);
        await new TaskAnswers(store.Pool).WriteAsync([Answer("a", "1")], Stop);
        var task = (await new TaskReader(store.Pool).FindAsync(Key("a"), Stop))!;
        Assert.Equal(("completed", 202, "completed"), (task.Status, task.Transitions.Count, task.Transitions[^1].Status));
    }

    [Fact]
    public async Task One_process_at_a_time_executes_a_task_and_succeeds_another_only_when_its_lease_is_over()
    {
        await using var store = await Store.MigratedAsync();
        var (one, two, brief) = (Process(store, "one"), Process(store, "two"), Process(store, "brief", Over));
        Assert.Equal(Claim.Missing, await one.ClaimAsync(Task("a"), false, Stop));
        await one.AdmitAsync([(Task("a"), false), (Task("b"), false)], Stop);
        Assert.Equal(Claim.Ours, await one.ClaimAsync(Task("a"), false, Stop));
        Assert.Equal(Claim.Leased, await two.ClaimAsync(Task("a"), true, Stop));
        Assert.Equal(Claim.Ours, await one.ClaimAsync(Task("a"), false, Stop));
        Assert.Equal("1,2,3,4,3,4|2|one", await StateAsync(store, "a"));
        Assert.Equal(Claim.Ours, await brief.ClaimAsync(Task("b"), false, Stop));
        await System.Threading.Tasks.Task.Delay(20, Stop);
        Assert.Equal(Claim.Vanished, await two.ClaimAsync(Task("b"), false, Stop));
        Assert.Equal(Claim.Ours, await two.ClaimAsync(Task("b"), true, Stop));
        Assert.Equal("1,2,3,4,3,4|2|two", await StateAsync(store, "b"));
        // Read once more from its topic while that message is there: no second one is made of it, but after a while, when it may be lost.
        Assert.Equal([Admission.TriedAlone, Admission.Begun], await brief.AdmitAsync([(Task("b"), true), (Task("a"), true)], Stop));
        Assert.Equal("1,2,3,4,3,4|2|two", await StateAsync(store, "b"));
        await store.Database.RowsAsync("UPDATE control.tasks SET tried_alone_at = tried_alone_at - interval '10 minutes'", _ => 0);
        Assert.Equal([Admission.Begun], await brief.AdmitAsync([(Task("b"), true)], Stop));
        // The one that lost it notes no retry of it.
        await brief.RetryAsync([Key("b")], Stop);
        await two.RetryAsync([Key("b")], Stop);
        Assert.Equal("1,2,3,4,3,4,5,6|2", await StateAsync(store, "b"));
        await new TaskAnswers(store.Pool).WriteAsync([Answer("b", "1")], Stop);
        Assert.Equal(Claim.Ended, await one.ClaimAsync(Task("b"), true, Stop));
        // Another request's row: that of this one was removed, and its id used again.
        Assert.Equal(Claim.Ended, await two.ClaimAsync(Task("a", 2), true, Stop));
        Assert.Equal("1,2,3,4,3,4|2|one", await StateAsync(store, "a"));
    }

    [Fact]
    public async Task Who_meets_a_row_that_is_being_made_waits_for_it_and_gets_its_word()
    {
        await using var store = await Store.MigratedAsync();
        await using var other = await store.Sessions.OpenConnectionAsync(Stop);
        await using var making = await other.BeginTransactionAsync(Stop);
        await using (var insert = new Npgsql.NpgsqlCommand("INSERT INTO control.tasks (tenant, request_id, digest, algorithm, priority, state, states, entered, submitted_at) VALUES ('default', 'a', '\\x01', 'sum', 2, 1, '{1}', ARRAY[now()], now())", other))
            await insert.ExecuteNonQueryAsync(Stop);
        var admitting = Process(store, "one").AdmitAsync([(Task("b"), true), (Task("a"), true), (Task("c"), false)], Stop);
        while (await store.Database.ValueAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 0 && !admitting.IsCompleted)
            await System.Threading.Tasks.Task.Delay(10, Stop);
        Assert.False(admitting.IsCompleted);
        await making.CommitAsync(Stop);
        Assert.Equal([Admission.Execute, Admission.Execute, Admission.Execute], await admitting);
        Assert.Equal(["1,2,4|1|one", "1,2,4|1|one", "1,2|0"], [await StateAsync(store, "a"), await StateAsync(store, "b"), await StateAsync(store, "c")]);
    }

    [Fact]
    public async Task A_lease_is_kept_while_it_is_renewed_and_a_cancellation_is_told()
    {
        await using var store = await Store.MigratedAsync();
        var (one, two) = (Process(store, "one", TimeSpan.FromSeconds(2)), Process(store, "two"));
        await one.AdmitAsync([(Task("a"), true), (Task("b"), true)], Stop);
        for (var i = 0; i < 6; i++)
        {
            await System.Threading.Tasks.Task.Delay(500, Stop);
            Assert.Empty(await one.RenewAsync([Key("a")], Stop));
        }
        Assert.Equal((Claim.Leased, Claim.Vanished), (await two.ClaimAsync(Task("a"), false, Stop), await two.ClaimAsync(Task("b"), false, Stop)));
        await new TaskRequests(store.Pool).CancelAsync(Key("b"), Stop);
        Assert.Equal([Key("b")], await one.RenewAsync([Key("a"), Key("b")], Stop));
    }

    [Fact]
    public async Task The_first_final_state_stays()
    {
        await using var store = await Store.MigratedAsync();
        var answers = new TaskAnswers(store.Pool);
        await Process(store, "one").AdmitAsync([(Task("a"), true), (Task("b"), true), (Task("c"), true)], Stop);
        Assert.Equal(2, await answers.WriteAsync([Answer("a", "1"), Answer("a", "2"), new(Key("b"), TaskState.Abandoned, null, new("timeout", "late", "/x"), null), Answer("unknown", "1")], Stop));
        Assert.Equal(0, await answers.WriteAsync([Answer("a", "3"), Answer("b", "3")], Stop));
        Assert.False(await new TaskRequests(store.Pool).CancelAsync(Key("a"), Stop));
        await new TaskRequests(store.Pool).CancelAsync(Key("c"), Stop);
        Assert.Equal(0, await answers.WriteAsync([Answer("c", "3")], Stop));
        Assert.Equal(["1,2,4,7|1|one|1", "1,2,4,8|1|one|timeout", "1,2,4,9|1|one"], [await StateAsync(store, "a"), await StateAsync(store, "b"), await StateAsync(store, "c")]);
        var task = (await new TaskReader(store.Pool).FindAsync(Key("b"), Stop))!;
        Assert.Equal((new TaskError("timeout", "late", "/x"), "abandoned", 4), (task.Error, task.Status, task.Transitions[^1].Sequence));
        Assert.True(task.Transitions.Zip(task.Transitions.Skip(1)).All(t => t.First.At <= t.Second.At) && task.FinishedAt >= task.SubmittedAt);
    }

    [Fact]
    public async Task What_nobody_read_is_abandoned_by_age_and_what_ended_is_removed_by_age()
    {
        await using var store = await Store.MigratedAsync();
        var (requests, answers) = (new TaskRequests(store.Pool), new TaskAnswers(store.Pool));
        await requests.SubmitAsync(Task("unread"), Stop);
        await Process(store, "one").AdmitAsync([(Task("queued"), false)], Stop);
        Assert.Equal(0, await answers.AbandonUnreadAsync(TimeSpan.FromHours(1), Stop));
        await System.Threading.Tasks.Task.Delay(20, Stop);
        Assert.Equal(1, await answers.AbandonUnreadAsync(Over, Stop));
        Assert.Equal("1,8|0|not_read", await StateAsync(store, "unread"));
        Assert.Equal(0, await answers.ForgetAsync(TimeSpan.FromHours(1), Stop));
        await System.Threading.Tasks.Task.Delay(20, Stop);
        Assert.Equal(1, await answers.ForgetAsync(Over, Stop));
        Assert.Equal(["none", "1,2|0"], [await StateAsync(store, "unread"), await StateAsync(store, "queued")]);
    }

    [Fact]
    public async Task Lists_and_figures_say_what_there_is()
    {
        await using var store = await Store.MigratedAsync();
        var (execution, reader) = (Process(store, "one"), new TaskReader(store.Pool));
        for (var i = 0; i < 5; i++)
            await execution.AdmitAsync([(Task($"t{i}") with { Algorithm = i < 3 ? "sum" : "mean", Priority = i == 0 ? AnalysisPriority.High : AnalysisPriority.Low }, true)], Stop);
        await new TaskAnswers(store.Pool).WriteAsync([Answer("t0", "1"), Answer("t1", "1"), new(Key("t2"), TaskState.Abandoned, null, new("x", "y", ""), null)], Stop);
        var (page, next) = await reader.ListAsync(new TaskFilter(), 3, null, Stop);
        Assert.Equal(["t4", "t3", "t2"], page.Select(t => t.TaskId));
        var (rest, end) = await reader.ListAsync(new TaskFilter(), 3, next, Stop);
        Assert.Equal(["t1", "t0"], rest.Select(t => t.TaskId));
        Assert.Null(end);
        Assert.Equal(["t4", "t3"], (await reader.ListAsync(new TaskFilter(TaskState.Running), 9, null, Stop)).Tasks.Select(t => t.TaskId));
        Assert.Equal(["t0"], (await reader.ListAsync(new TaskFilter(Priority: AnalysisPriority.High), 9, null, Stop)).Tasks.Select(t => t.TaskId));
        Assert.Equal(["t4", "t3"], (await reader.ListAsync(new TaskFilter(Algorithm: "mean"), 9, null, Stop)).Tasks.Select(t => t.TaskId));
        Assert.Empty((await reader.ListAsync(new TaskFilter(OlderThan: TimeSpan.FromHours(1)), 9, null, Stop)).Tasks);
        var figures = await reader.FiguresAsync(TimeSpan.FromHours(1), Stop);
        Assert.Equal([("sum", 3, 0, 2, 1, 1.0 / 3, 1.5), ("mean", 2, 2, 0, 0, null, (double?)null)], figures.Select(f => (f.Algorithm, f.Tasks, f.Unfinished, f.Completed, f.Abandoned, f.FailureShare, f.P50Ms)));
        Assert.Equal([Key("none"), Key("t0")], (await reader.EndedAsync([Key("t0"), Key("t4"), Key("none")], Stop)).OrderBy(k => k.RequestId));
    }
}
