using Npgsql;
using Pipeline.Faults.Harness;
using Pipeline.Faults.Servers;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Catalogue;

/// <summary>PostgreSQL ends in one of three ways and is started again.</summary>
sealed class PostgresStops(string name, int signal) : Fault(name, 18)
{
    public override TimeSpan Hold => TimeSpan.FromSeconds(5);

    public override IReadOnlyList<Sign> Signs => [.. Sign.Down(Sign.Processors, "postgres"), .. Sign.Down(Sign.Ingest, "postgres"), .. Sign.Fails("postgres")];

    public override Task InjectAsync(FaultRun run) => run.Postgres.StopAsync(signal);

    public override Task HealAsync(FaultRun run) => run.Postgres.StartAgainAsync();

    public override Task CheckAsync(FaultRun run, Findings findings) => OpenedBreaker.CheckAsync(run, findings);
}

/// <summary>A fault that makes every call to PostgreSQL fail must open its circuit breaker, if not within the first seconds.</summary>
static class OpenedBreaker
{
    public static async Task CheckAsync(FaultRun run, Findings findings) =>
        findings.Expect((await HostView.LookAsync(run.Processors)).Field("breakers.postgres.opened") is { } opened && opened != "0", "PostgreSQL's circuit breaker never opened");
}

/// <summary>The connection breaks while COMMIT is under way: half of the times the server commits and the answer is lost, half of the times the request is.</summary>
sealed class CutInsideCommit() : Fault("connection cut inside COMMIT", 25)
{
    const int Rounds = 6;
    const float CommitSeconds = 0.4f;
    const string Committing = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query ILIKE 'COMMIT%'";

    int _decided;

    public override IReadOnlyList<Sign> Signs => [Sign.Grows(Sign.Processors, "pipeline_process_failures_total", "kind=\"fenced\""), Sign.Failures()];

    public override async Task InjectAsync(FaultRun run)
    {
        await FenceLog.SlowCommitsAsync(run.Database, CommitSeconds);
        for (var round = 0; round < Rounds; round++)
        {
            if (round % 2 == 1)
                await run.PostgresWire.SwallowAsync(300, upstream: true);
            else
                await Until.TrueAsync("a COMMIT is under way", TimeSpan.FromSeconds(15), () => run.Database.ValueAsync<long>(Committing), n => n > 0);
            var seq = await run.Database.ValueAsync<long>("SELECT coalesce(max(seq), 0) FROM faults.commits");
            await Task.Delay(round % 2 == 1 ? 350 : 0);
            await run.PostgresWire.CutAsync();
            await Task.Delay(600);
            // What was committed behind the client's back.
            _decided += round % 2 == 0 && await run.Database.ValueAsync<long>("SELECT count(*) FROM faults.commits WHERE seq > $1 AND next > old_next", seq) > 0 ? 1 : 0;
            await run.PostgresWire.ClearAsync();
            await run.PostgresWire.MendAsync();
            await Task.Delay(run.Random.Next(500, 1200));
        }
    }

    public override Task HealAsync(FaultRun run) => FenceLog.SlowCommitsAsync(run.Database, 0);

    public override Task CheckAsync(FaultRun run, Findings findings)
    {
        findings.Expect(_decided > 0, "no cut came while the server committed");
        findings.Expect(run.Processors.Find("the connection was lost during COMMIT") is not null, "no COMMIT was left open");
        return Task.CompletedTask;
    }
}

/// <summary>The tables lie on a small file system, and it is full.</summary>
sealed class DiskFull() : Fault("disk full", 25)
{
    const int Megabytes = 160;

    string _mount = "", _tablespace = "";
    OwnPostgres? _postgres;

    public override Need Needs => Need.Root;

    public override TimeSpan Hold => TimeSpan.FromSeconds(5);

    public override IReadOnlyList<Sign> Signs => Sign.Fails("postgres");

    public override async Task<string?> TablespaceAsync(Lane lane)
    {
        _postgres = await lane.Postgres;
        _tablespace = $"small_{Guid.NewGuid():N}"[..14];
        _mount = Path.Combine(lane.Folder, _tablespace);
        Directory.CreateDirectory(_mount);
        await ServerProcess.RunAsync(TimeSpan.FromSeconds(10), ["mount", "-t", "tmpfs", "-o", $"size={Megabytes}m", "tmpfs", _mount]);
        await ServerProcess.RunAsync(TimeSpan.FromSeconds(10), ["install", "-d", "-o", "postgres", "-g", "postgres", "-m", "700", Path.Combine(_mount, "tables")]);
        await ServerProcess.RunAsync(TimeSpan.FromSeconds(10), ["chmod", "755", _mount]);
        await _postgres.ExecuteAsync($"CREATE TABLESPACE {_tablespace} LOCATION '{Path.Combine(_mount, "tables")}'");
        return _tablespace;
    }

    public override async Task InjectAsync(FaultRun run)
    {
        var block = new byte[64 * 1024];
        await using var filler = File.Create(Path.Combine(_mount, "filler"), block.Length);
        try
        {
            while (true)
            {
                await filler.WriteAsync(block);
                await filler.FlushAsync();
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    public override Task HealAsync(FaultRun run)
    {
        File.Delete(Path.Combine(_mount, "filler"));
        return Task.CompletedTask;
    }

    public override async Task CleanAsync(Lane lane)
    {
        if (_mount.Length == 0)
            return;
        await _postgres!.ExecuteAsync($"DROP TABLESPACE IF EXISTS {_tablespace}");
        await ServerProcess.RunAsync(TimeSpan.FromSeconds(10), ["umount", "-l", _mount]);
    }
}

/// <summary>Somebody holds a lock for 30 s that every batch needs.</summary>
sealed class LongLock() : Fault("lock held for 30 s", 50)
{
    NpgsqlConnection? _holder;

    public override LoadShape Load => new() { BatchesPerSecond = 5, DirectPerSecond = 120 };

    public override TimeSpan Hold => TimeSpan.FromSeconds(30);

    public override IReadOnlyList<Sign> Signs => [Sign.Queued(20), Sign.Old];

    public override async Task InjectAsync(FaultRun run)
    {
        _holder = new NpgsqlConnection(run.Postgres.Settings(run.DatabaseName).ConnectionString);
        await _holder.OpenAsync();
        await using var command = new NpgsqlCommand("BEGIN; LOCK TABLE rev_1.event_ledger IN ACCESS EXCLUSIVE MODE", _holder);
        await command.ExecuteNonQueryAsync();
    }

    public override async Task HealAsync(FaultRun run) => await _holder!.DisposeAsync();
}

/// <summary>Others have taken every connection, and ours were cut.</summary>
sealed class TooManyConnections() : Fault("too many connections", 25)
{
    const int RoundsMax = 200, LooksClear = 4;
    static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(250);

    readonly List<NpgsqlConnection> _taken = [];

    public override bool SaysWhenItStruck => true;

    public override TimeSpan Hold => TimeSpan.FromSeconds(10);

    public override IReadOnlyList<Sign> Signs => [.. Sign.Down(Sign.Processors, "postgres"), .. Sign.Fails("postgres")];

    public override async Task InjectAsync(FaultRun run)
    {
        // Each cut frees a place; whoever comes first has it, so that it takes some rounds until none of the pipeline's is left. One look is not
        // enough: a session that is still being opened holds a place and is not listed yet.
        var clear = 0;
        for (var round = 0; round < RoundsMax; round++)
        {
            while (await TryTakeAsync(run))
            {
            }
            clear = await run.Database.CutSessionsAsync() > 0 ? 0 : clear + 1;
            if (clear == LooksClear)
            {
                run.Struck();
                return;
            }
            if (clear > 0)
                await Task.Delay(BetweenLooks);
        }
        throw new TimeoutException("the pipeline kept its connections");
    }

    async Task<bool> TryTakeAsync(FaultRun run)
    {
        var connection = new NpgsqlConnection(run.Postgres.Settings("postgres").ConnectionString);
        try
        {
            await connection.OpenAsync();
            _taken.Add(connection);
            return true;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.TooManyConnections)
        {
            await connection.DisposeAsync();
            return false;
        }
    }

    public override async Task HealAsync(FaultRun run)
    {
        foreach (var connection in _taken)
            await connection.DisposeAsync();
    }

    public override Task CheckAsync(FaultRun run, Findings findings) => OpenedBreaker.CheckAsync(run, findings);
}

/// <summary>A batch and somebody else each hold what the other needs; PostgreSQL ends the one that waited first, the batch.</summary>
sealed class Deadlock() : Fault("deadlock", 22)
{
    const string Blocked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'pipeline-events-postgres'";
    const int Rounds = 3;

    long _deadlocks;

    public override IReadOnlyList<Sign> Signs => [Sign.Grows(Sign.Processors, "pipeline_process_failures_total", "kind=\"postgres\""),
        Sign.Failures()];

    public override async Task InjectAsync(FaultRun run)
    {
        for (var round = 0; round < Rounds; round++)
        {
            await using var other = new NpgsqlConnection(run.Postgres.Settings(run.DatabaseName).ConnectionString);
            await other.OpenAsync();
            // The batch holds its offsets row and comes to its outcomes; we hold the outcomes and ask for the row.
            await RunAsync(other, "BEGIN; SELECT 1 FROM rev_1.outcomes WHERE partition = 0 FOR UPDATE");
            await Until.TrueAsync("a batch waits for us", TimeSpan.FromSeconds(15), () => run.Database.ValueAsync<long>(Blocked), n => n > 0);
            try
            {
                await RunAsync(other, "UPDATE rev_1.offsets SET owner = owner WHERE partition = 0; ROLLBACK");
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DeadlockDetected)
            {
                // It was us this time.
            }
        }
        _deadlocks = await run.Database.ValueAsync<long>("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()");
    }

    public override Task CheckAsync(FaultRun run, Findings findings)
    {
        findings.Expect(_deadlocks > 0 || run.Processors.Find("deadlock detected") is not null, "there was no deadlock");
        return Task.CompletedTask;
    }

    static async Task RunAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}

/// <summary>Every transaction fails with a serialization failure: the store is up, and nothing works.</summary>
sealed class EveryCommitFails() : Fault("100 % transient failure of the store", 22)
{
    public override TimeSpan Hold => TimeSpan.FromSeconds(6);

    public override IReadOnlyList<Sign> Signs => Sign.Fails("postgres");

    public override Task InjectAsync(FaultRun run) => FenceLog.FailCommitsAsync(run.Database, true);

    public override Task HealAsync(FaultRun run) => FenceLog.FailCommitsAsync(run.Database, false);

    public override Task CheckAsync(FaultRun run, Findings findings) => OpenedBreaker.CheckAsync(run, findings);
}
