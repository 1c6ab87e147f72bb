using Npgsql;
using Pipeline.Contracts.Analysis;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis.Requests;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Tests.Analysis.Requests;

/// <summary>What partitions share of a statement is its round trip alone: each gets its own words, its own failure, and no task is in two statements at a time.</summary>
public sealed class GroupedAdmissionsTests : IAsyncLifetime
{
    readonly string _name = $"admissions_{Guid.NewGuid():N}";
    TestDatabase _database = null!;
    NpgsqlDataSource _store = null!;
    GroupedAdmissions _admissions = null!;

    static readonly TimeSpan Within = TimeSpan.FromSeconds(10);

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync(_name);
        _store = NpgsqlDataSource.Create(new PostgresOptions { ConnectionString = _database.Uri }.Build("pipeline-under-test"));
        await new Migrations(_store).ApplyAsync(Stop);
        _admissions = new(new TaskExecution(_store, "one", TimeSpan.FromMinutes(1)), Breaker.NeverOpen(Dependencies.Postgres));
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        await _database.DisposeAsync();
    }

    static (NewTask, bool) Request(string id, byte digest = 1) => (new NewTask(new TaskKey("default", id), [digest], "sum", AnalysisPriority.Normal), true);

    [Fact]
    public async Task Each_partition_gets_the_words_for_its_own_requests()
    {
        await _admissions.AdmitAsync([Request("known", 9), Request("again")], Stop);
        var asked = Enumerable.Range(0, 40).Select(p => _admissions.AdmitAsync([Request($"{p}-a"), Request(p % 2 == 0 ? "known" : "again"), Request($"{p}-b")], Stop)).ToList();
        for (var p = 0; p < 40; p++)
            Assert.Equal([Admission.Execute, p % 2 == 0 ? Admission.Conflict : Admission.Execute, Admission.Execute], await asked[p]);
        Assert.Equal(82, await CountAsync("state = 4"));
        Assert.Empty(await _admissions.AdmitAsync([], Stop));
    }

    [Fact]
    public async Task Two_new_requests_of_one_id_are_one_task_and_a_conflict_and_neither_fails()
    {
        for (var n = 0; n < 20; n++)
        {
            var words = await Task.WhenAll(Enumerable.Range(0, 6).Select(p => _admissions.AdmitAsync([Request($"{n}", (byte)p)], Stop)));
            Assert.Equal([Admission.Execute, .. Enumerable.Repeat(Admission.Conflict, 5)], words.Select(w => Assert.Single(w)));
        }
    }

    [Fact]
    public async Task What_waits_shares_one_statement_and_who_left_is_not_admitted()
    {
        await _admissions.AdmitAsync([Request("a"), Request("b")], Stop);
        await using var other = await _store.OpenConnectionAsync(Stop);
        await using var held = await other.BeginTransactionAsync(Stop);
        await new NpgsqlCommand("SELECT FROM control.tasks WHERE request_id IN ('a', 'b') FOR UPDATE", other, held).ExecuteNonQueryAsync(Stop);
        Task<Admission[]>[] first = [_admissions.AdmitAsync([Request("a")], Stop), _admissions.AdmitAsync([Request("b")], Stop)];
        using var leaving = new CancellationTokenSource();
        var waiting = Enumerable.Range(0, 10).Select(p => _admissions.AdmitAsync([Request($"{p}")], p == 3 ? leaving.Token : Stop)).ToList();
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting[3]);
        Assert.DoesNotContain(waiting, w => w.IsCompletedSuccessfully);
        await held.CommitAsync(Stop);
        Assert.All(await Task.WhenAll(first), w => Assert.Equal([Admission.Execute], w));
        foreach (var asked in waiting.Where((_, p) => p != 3))
            Assert.Equal([Admission.Execute], await asked);
        Assert.Equal(0, await CountAsync("request_id = '3'"));
        // Rows of one statement were made by one transaction.
        Assert.Equal(1, await ScalarAsync("SELECT count(DISTINCT xmin::text) FROM control.tasks WHERE request_id NOT IN ('a', 'b')"));
    }

    /// <summary>It would pass for one that ended its process, and be tried alone.</summary>
    [Fact]
    public async Task Who_leaves_while_the_statement_is_under_way_has_begun_nothing()
    {
        await _admissions.AdmitAsync([Request("a")], Stop);
        await using var other = await _store.OpenConnectionAsync(Stop);
        await using var held = await other.BeginTransactionAsync(Stop);
        await new NpgsqlCommand("SELECT FROM control.tasks FOR UPDATE", other, held).ExecuteNonQueryAsync(Stop);
        using var leaving = new CancellationTokenSource();
        var asked = _admissions.AdmitAsync([Request("a"), Request("b")], leaving.Token);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        await held.CommitAsync(Stop);
        await Until.TrueAsync("both are nobody's", TimeSpan.FromSeconds(10), async () => await CountAsync("state = 2 AND owner IS NULL") == 2);
        var two = new TaskExecution(_store, "two", TimeSpan.FromMinutes(1));
        Assert.Equal([Admission.Execute, Admission.Execute], await two.AdmitAsync([Request("a"), Request("b")], Stop));
    }

    /// <summary>
    /// PostgreSQL commits the admission and refuses its release: the rows are of a process that executes nothing. Who shared the statement asks again and goes on; for the others the lease has to run out.
    /// </summary>
    [Fact]
    public async Task What_could_not_be_released_waits_for_its_lease_is_tried_alone_then_and_ends_once()
    {
        await RefuseReleasesAsync();
        await _admissions.AdmitAsync([Request("a"), Request("b"), Request("left")], Stop);
        await using var other = await _store.OpenConnectionAsync(Stop);
        await using var held = await other.BeginTransactionAsync(Stop);
        await new NpgsqlCommand("SELECT FROM control.tasks WHERE request_id IN ('a', 'b') FOR UPDATE", other, held).ExecuteNonQueryAsync(Stop);
        await using var another = await _store.OpenConnectionAsync(Stop);
        await using var heldToo = await another.BeginTransactionAsync(Stop);
        await new NpgsqlCommand("SELECT FROM control.tasks WHERE request_id = 'left' FOR UPDATE", another, heldToo).ExecuteNonQueryAsync(Stop);
        // Two statements are under way, so that these two share the next one.
        Task<Admission[]>[] first = [_admissions.AdmitAsync([Request("a")], Stop), _admissions.AdmitAsync([Request("b")], Stop)];
        using var leaving = new CancellationTokenSource();
        var (left, shared) = (_admissions.AdmitAsync([Request("left"), Request("new")], leaving.Token), _admissions.AdmitAsync([Request("shared")], Stop));
        await held.CommitAsync(Stop);
        await Task.WhenAll(first);
        await Until.TrueAsync("their statement waits for a row", Within, async () => await ScalarAsync("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") > 0);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        await heldToo.CommitAsync(Stop);
        await Assert.ThrowsAnyAsync<PostgresException>(() => shared);

        // 1. All three were admitted, and nobody but their process can tell that it executes none of them.
        Assert.Equal(["left|4|one|t", "new|4|one|t", "shared|4|one|t"], await LeasesAsync());
        Assert.Equal([Admission.Execute], await _admissions.AdmitAsync([Request("shared")], Stop));
        var two = new TaskExecution(_store, "two", TimeSpan.FromMinutes(1));
        Assert.Equal([Admission.Begun, Admission.Begun], await two.AdmitAsync([Request("left"), Request("new")], Stop));
        foreach (var id in (string[])["left", "new"])
            Assert.Equal(Claim.Leased, await two.ClaimAsync(Request(id).Item1, true, Stop));
        // 2. Their lease is over: they are tried, but alone, because it may have been their process's death.
        await using (var over = _store.CreateCommand("UPDATE control.tasks SET lease_until = lease_until - interval '1 minute' WHERE request_id IN ('left', 'new')"))
            Assert.Equal(2, await over.ExecuteNonQueryAsync(Stop));
        foreach (var id in (string[])["left", "new"])
        {
            Assert.Equal(Claim.Vanished, await two.ClaimAsync(Request(id).Item1, false, Stop));
            Assert.Equal(Claim.Ours, await two.ClaimAsync(Request(id).Item1, true, Stop));
        }
        Assert.Equal(["left|4|two|t", "new|4|two|t", "shared|4|one|t"], await LeasesAsync());
        // 3. They end once, and the process that left them, reading them again, has nothing to do.
        var answers = new TaskAnswers(_store);
        TaskAnswer[] both = [.. new[] { "left", "new" }.Select(id => new TaskAnswer(new TaskKey("default", id), TaskState.Completed, """{"value":1}""", null, null))];
        Assert.Equal([Admission.TriedAlone, Admission.TriedAlone], await _admissions.AdmitAsync([Request("left"), Request("new")], Stop));
        Assert.Equal((2, 0), (await answers.WriteAsync(both, Stop), await answers.WriteAsync(both, Stop)));
        Assert.Equal([Admission.Ended, Admission.Ended], await _admissions.AdmitAsync([Request("left"), Request("new")], Stop));
        Assert.Equal(2, await CountAsync("request_id IN ('left', 'new') AND state = 7 AND (SELECT count(*) FROM unnest(states) s WHERE s >= 7) = 1"));
    }

    /// <summary>That a task is nobody's again is what a release makes of it, and here nothing else.</summary>
    async Task RefuseReleasesAsync()
    {
        await using var command = _store.CreateCommand("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no release'; END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON control.tasks FOR EACH ROW WHEN (OLD.owner IS NOT NULL AND NEW.owner IS NULL) EXECUTE FUNCTION refuse()
            """);
        await command.ExecuteNonQueryAsync(Stop);
    }

    /// <summary>State, owner, and whether the lease still runs.</summary>
    Task<List<string>> LeasesAsync() => _database.RowsAsync("""
        SELECT concat_ws('|', request_id, state, owner, (lease_until > clock_timestamp())::text::char(1)) FROM control.tasks WHERE request_id IN ('left', 'new', 'shared') ORDER BY request_id
        """, r => r.GetString(0));

    [Fact]
    public async Task A_statement_that_fails_fails_for_those_who_share_it_and_the_next_ones_go_on()
    {
        await _admissions.AdmitAsync([Request("a")], Stop);
        await using var other = await _store.OpenConnectionAsync(Stop);
        await using (var held = await other.BeginTransactionAsync(Stop))
        {
            await new NpgsqlCommand("SELECT FROM control.tasks FOR UPDATE", other, held).ExecuteNonQueryAsync(Stop);
            var (failing, same) = (_admissions.AdmitAsync([Request("a"), Request("lost")], Stop), _admissions.AdmitAsync([Request("a", 2)], Stop));
            while (await ScalarAsync("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 0)
                await Task.Delay(10, Stop);
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => failing);
            Assert.False(same.IsCompleted);
            await held.CommitAsync(Stop);
            Assert.Equal([Admission.Conflict], await same);
        }
        Assert.Equal(0, await CountAsync("request_id = 'lost'"));
        Assert.Equal([Admission.Execute], await _admissions.AdmitAsync([Request("lost")], Stop));
    }

    Task<long> CountAsync(string condition) => ScalarAsync($"SELECT count(*) FROM control.tasks WHERE {condition}");

    async Task<long> ScalarAsync(string sql)
    {
        await using var command = _store.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync(Stop))!;
    }
}
