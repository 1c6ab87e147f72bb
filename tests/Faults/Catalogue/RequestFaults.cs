using Pipeline.Faults.Harness;
using Pipeline.Faults.Requests;
using Pipeline.Faults.Servers;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Catalogue;

/// <summary>
/// Requests of analyses beside the events, by Ingest and by the topic, of all kinds: short, long, invalid, cancelled, sent twice, two of one id. Whatever fails, each that was accepted ends once
/// (<see cref="AnswerChecks"/>), and the queues of RabbitMQ are empty in the end.
/// </summary>
abstract class RequestFault(string name, int usualSeconds) : Fault($"requests: {name}", usualSeconds)
{
    /// <summary>What a median of a hundred values is estimated to take is more, and a sum is less.</summary>
    protected const string MediansAreLong = "00:00:00.0000102";

    protected const string Road = "analysis";

    public override Need Needs => Need.Rabbit;

    public override LoadShape Load => new() { BatchesPerSecond = 3, DirectPerSecond = 60 };

    public override RequestShape? Requests => new();

    public override (string, string)[] ProcessorsSettings =>
    [
        ("Pipeline__RabbitMq__RetryDelays__0", "00:00:00.300"), ("Pipeline__RabbitMq__RetryDelays__1", "00:00:01"), ("Pipeline__RabbitMq__PublishTimeout", "00:00:03"),
        ("Pipeline__Analysis__LongFrom", MediansAreLong),
    ];
}

sealed class BrokerKilledUnderRequests() : RequestFault("broker killed and restarted", 45)
{
    public override TimeSpan Hold => TimeSpan.FromSeconds(4);

    public override IReadOnlyList<Sign> Signs => [.. Sign.Down(Sign.Processors, "kafka"), .. Sign.Down(Sign.Ingest, "kafka"), Sign.Grows(Sign.Ingest, "pipeline_ingest_client_errors_total")];

    public override Task InjectAsync(FaultRun run) => run.Kafka.Broker.KillAsync(1);

    public override Task HealAsync(FaultRun run) => run.Kafka.Broker.RestartAsync(1);
}

/// <summary>
/// The broker takes records and its answers are lost, for longer than Ingest waits for them: clients are told that nobody knows, rows are taken back, and the records are in the topic all the same. Each
/// is executed once, whether it was asked for again or not.
/// </summary>
sealed class BrokerSaysNothingUnderRequests() : RequestFault("broker takes records and says nothing", 60)
{
    /// <summary>Longer than Ingest waits. Few records get through each time: the client sends no more than it may have unanswered.</summary>
    static readonly TimeSpan Silence = TimeSpan.FromSeconds(5);

    public override RequestShape Requests => new() { HttpPerSecond = 25, ResendShare = 0.3 };

    public override (string, string)[] IngestSettings => [("Pipeline__Kafka__DeliveryTimeout", "00:00:03")];

    public override bool SaysWhenItStruck => true;

    public override TimeSpan Hold => TimeSpan.FromSeconds(8);

    public override IReadOnlyList<Sign> Signs => [.. Sign.Down(Sign.Processors, "kafka"), .. Sign.Down(Sign.Ingest, "kafka")];

    public override async Task InjectAsync(FaultRun run)
    {
        for (var i = 0; i < 2; i++)
        {
            await run.Kafka.Wire.SwallowAsync(0);
            await Task.Delay(Silence);
            await HealAsync(run);
            foreach (var host in (HostProcess[])[run.Ingest, run.Processors])
                await Until.TrueAsync("the host has found its broker again", TimeSpan.FromSeconds(30), async () => (await HostView.LookAsync(host)).Field("dependencies.kafka.healthy") == "true");
        }
        await run.Kafka.Wire.SwallowAsync(0);
        run.Struck();
    }

    public override async Task HealAsync(FaultRun run)
    {
        // What waits on an old connection would wait for the client's own deadline, a minute.
        await run.Kafka.Wire.CutAsync();
        await run.Kafka.Wire.ClearAsync();
        await run.Kafka.Wire.MendAsync();
    }

    public override async Task CheckAsync(FaultRun run, Findings findings)
    {
        var ledger = run.Load.Requests!.Ledger;
        var word = ledger.Told.Read();
        var ids = ledger.Asked.Where(a => word.Unknown.Contains(a.Mark)).Select(a => a.Id).ToArray();
        var executed = await Until.TrueAsync("something is executed of which its client was told that nobody knows", TimeSpan.FromSeconds(60),
            () => run.Database.ValueAsync<long>("SELECT count(*) FROM control.tasks WHERE request_id = ANY($1) AND state = 7", (object)ids), n => n > 0);
        Seeds.Say($"{executed} of {ids.Length} requests of which nobody knew were executed by then");
    }
}

sealed class PostgresStopsUnderRequests(string name, int signal) : RequestFault(name, 30)
{
    public override TimeSpan Hold => TimeSpan.FromSeconds(5);

    public override IReadOnlyList<Sign> Signs => [.. Sign.Down(Sign.Processors, "postgres"), .. Sign.Down(Sign.Ingest, "postgres"), .. Sign.Fails("postgres", Road)];

    public override Task InjectAsync(FaultRun run) => run.Postgres.StopAsync(signal);

    public override Task HealAsync(FaultRun run) => run.Postgres.StartAgainAsync();
}

/// <summary>
/// The connection breaks while a task's row is being committed: a request's by Ingest, its admission by who read it, its answer. By turns after the server has the statement, which it commits behind the
/// client's back, and before.
/// </summary>
sealed class CutInsideTaskCommit() : RequestFault("connection cut inside the commit of a task", 38)
{
    const float CommitSeconds = 0.4f;

    /// <summary>Deferred, so that it runs at COMMIT: it holds a transaction up once, and notes which statements came through.</summary>
    const string Install = """
        ALTER TABLE faults.settings ADD COLUMN task_delay_s real NOT NULL DEFAULT 0;
        CREATE TABLE faults.task_commits (pid int NOT NULL, at timestamptz NOT NULL);
        CREATE FUNCTION faults.hold_task() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            delay_s real := (SELECT task_delay_s FROM faults.settings);
        BEGIN
            IF delay_s > 0 AND current_setting('faults.held', true) IS DISTINCT FROM txid_current()::text THEN
                PERFORM set_config('faults.held', txid_current()::text, true);
                PERFORM pg_sleep(delay_s);
                INSERT INTO faults.task_commits VALUES (pg_backend_pid(), clock_timestamp());
            END IF;
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER faults_hold_task AFTER INSERT OR UPDATE ON control.tasks DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION faults.hold_task();
        """;

    const string Committing = "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND wait_event = 'PgSleep' AND query LIKE $1";

    /// <summary>A piece of each statement, and what it does.</summary>
    static readonly (string Piece, string What)[] Statements = [("%t.tried_alone_at > clock_timestamp()%", "admission"), ("%result = g.result%", "answer"), ("%VALUES ($1, $2, $3, $4, $5, 1,%", "submission")];

    readonly HashSet<string> _committed = [];

    public override IReadOnlyList<Sign> Signs => [Sign.Grows(Sign.Processors, "pipeline_process_failures_total", "kind=\"postgres\""), Sign.Failures(Road)];

    public override Task PrepareAsync(FaultRun run) => run.Database.RowsAsync(Install, _ => 0);

    public override async Task InjectAsync(FaultRun run)
    {
        await DelayAsync(run, CommitSeconds);
        foreach (var (piece, what) in Statements)
        {
            // The statement has reached the server, which does not look whether anybody waits for its answer.
            var pid = await Until.TrueAsync($"an {what} is being committed", TimeSpan.FromSeconds(20), () => run.Database.ValueAsync<int>(Committing, piece), p => p > 0);
            var before = DateTime.UtcNow;
            await run.PostgresWire.CutAsync();
            await Task.Delay(600);
            if (await run.Database.ValueAsync<long>("SELECT count(*) FROM faults.task_commits WHERE pid = $1 AND at > $2", pid, before) > 0)
                _committed.Add(what);
            await run.PostgresWire.MendAsync();
            await Task.Delay(run.Random.Next(1000, 2000));
            // Nothing of what is sent now reaches the server.
            await run.PostgresWire.SwallowAsync(300, upstream: true);
            await Task.Delay(350);
            await run.PostgresWire.CutAsync();
            await run.PostgresWire.ClearAsync();
            await run.PostgresWire.MendAsync();
            await Task.Delay(run.Random.Next(1000, 2000));
        }
    }

    public override Task HealAsync(FaultRun run) => DelayAsync(run, 0);

    public override Task CheckAsync(FaultRun run, Findings findings)
    {
        findings.Expect(_committed.Count == Statements.Length, $"not every statement was committed behind its client's back: only {string.Join(", ", _committed)}");
        return Task.CompletedTask;
    }

    static Task DelayAsync(FaultRun run, float seconds) => run.Database.RowsAsync("UPDATE faults.settings SET task_delay_s = $1", _ => 0, seconds);
}

/// <summary>Every request is long, one runs at a time, and hundreds wait in RabbitMQ's queues when it is killed.</summary>
sealed class RabbitKilledUnderRequests() : RequestFault("RabbitMQ killed while long ones wait", 65)
{
    const int Burst = 1000, WaitingMin = 250;

    /// <summary>Far less than one place executes on a busy machine, so that the queue is the burst's.</summary>
    public override RequestShape Requests => new() { HttpPerSecond = 5, DirectPerSecond = 8 };

    public override bool SaysWhenItStruck => true;

    public override TimeSpan Hold => TimeSpan.FromSeconds(3);

    public override (string, string)[] ProcessorsSettings => [.. base.ProcessorsSettings, ("Pipeline__Analysis__LongFrom", "00:00:00"), ("Pipeline__Analysis__JobsMax", "1")];

    public override IReadOnlyList<Sign> Signs => [.. Sign.Down(Sign.Processors, "rabbitmq"), .. Sign.Fails("rabbitmq", Road)];

    public override async Task InjectAsync(FaultRun run)
    {
        var queues = new RabbitQueues(run, Road);
        run.Load.Requests!.Direct.SendMany(Burst);
        await Until.TrueAsync("long requests wait in RabbitMQ", TimeSpan.FromSeconds(20), async () => (await Task.WhenAll(queues.Jobs.Select(queues.CountAsync))).Sum(n => n), n => n >= WaitingMin);
        await run.Rabbit!.StopAsync(ServerProcess.SigKill);
        run.Struck();
    }

    public override Task HealAsync(FaultRun run) => run.Rabbit!.StartAgainAsync();
}

/// <summary>Two processors; again and again one of them is killed at a moment of chance, with requests short and long under way, and started anew.</summary>
sealed class KilledAtRandomUnderRequests() : RequestFault("processors killed at random", 0)
{
    static TimeSpan Lasts => TimeSpan.FromSeconds(Selection.IsAll ? 120 : 30);

    public override int UsualSeconds => (int)Lasts.TotalSeconds + 40;

    public override IReadOnlyList<Sign> Signs => [Sign.Silent(Sign.Processors)];

    public override async Task InjectAsync(FaultRun run) => Seeds.Say($"{await KilledAtRandom.KillAsync(run, Lasts)} kills");
}

/// <summary>
/// Ingest is killed while the broker's acknowledgements are awaited: rows are there, of which the records never came to the topic (what is sent to the broker is lost), and then others, of which they did
/// (its answers are lost). Clients that ask again have their request executed once; what nobody asks for again is given up as <c>not_read</c>.
/// </summary>
sealed class IngestKilledUnderRequests() : RequestFault("Ingest killed between a request's row and its record", 75)
{
    const int RowsMin = 8;

    int _rows;

    public override RequestShape Requests => new() { HttpPerSecond = 25, ResendShare = 0.5, UnreadEnds = true };

    public override bool SaysWhenItStruck => true;

    public override (string, string)[] ProcessorsSettings => [.. base.ProcessorsSettings, ("Pipeline__Analysis__UnreadAfter", "00:00:25")];

    public override IReadOnlyList<Sign> Signs => [Sign.Silent(Sign.Ingest)];

    public override async Task InjectAsync(FaultRun run)
    {
        foreach (var recordIsLost in (bool[])[true, false, true])
        {
            await run.Kafka.Wire.SwallowAsync(0, upstream: recordIsLost);
            _rows += (int)await Until.TrueAsync("requests wait for the broker", TimeSpan.FromSeconds(20), () => run.Database.ValueAsync<long>("SELECT count(*) FROM control.tasks WHERE state = 1"), n => n >= RowsMin);
            await run.Ingest.KillAsync();
            if (run.StruckAt == 0)
                run.Struck();
            await run.Kafka.Wire.ClearAsync();
            await Task.Delay(400);
            await run.StartIngestAsync();
            await Task.Delay(run.Random.Next(1500, 3000));
        }
    }

    public override async Task CheckAsync(FaultRun run, Findings findings)
    {
        Seeds.Say($"{_rows} rows waited for their records when Ingest was killed");
        await Until.TrueAsync("rows without a record are given up", TimeSpan.FromSeconds(60), () => run.Database.ValueAsync<long>("SELECT count(*) FROM control.tasks WHERE error_code = 'not_read'"), n => n > 0);
    }
}

/// <summary>Workers of Python are killed while they execute, about one a second: each costs its own request an attempt, and no request its answer.</summary>
sealed class PythonKilledUnderRequests() : RequestFault("Python workers killed", 40)
{
    const int Kills = 15;

    string _algorithms = "";

    public override Need Needs => base.Needs | Need.Python;

    public override RequestShape Requests => new() { HttpPerSecond = 6, DirectPerSecond = 6, PythonShare = 0.4 };

    public override bool SaysWhenItStruck => true;

    public override IReadOnlyList<Sign> Signs => [Sign.Grows(Sign.Processors, "pipeline_analysis_executions_total", "outcome=\"worker_crashed\"")];

    /// <summary>One that is hit five times in a row would be a matter of chance; eight times is none any more.</summary>
    public override (string, string)[] ProcessorsSettings =>
    [
        .. base.ProcessorsSettings, ("Pipeline__Analysis__Python", "on"), ("Pipeline__Analysis__PythonFolder", Path.Combine(TestServers.Repository, "python")), ("Pipeline__Analysis__PythonAlgorithms", _algorithms),
        ("Pipeline__Analysis__LongFrom", "00:00:10"), ("Pipeline__RabbitMq__AttemptsMax", "8"),
    ];

    public override async Task PrepareAsync(FaultRun run)
    {
        _algorithms = Directory.CreateDirectory(Path.Combine(run.Lane.Folder, run.DatabaseName)).FullName;
        await File.WriteAllTextAsync(Path.Combine(_algorithms, "slow.py"), $$"""
            import time


            def {{RequestTraffic.Slow}}(data, params):
                time.sleep(0.2)
                return {"value": sum(data)}
            """);
    }

    public override async Task InjectAsync(FaultRun run)
    {
        for (var kill = 0; kill < Kills; kill++)
        {
            await Until.TrueAsync("workers of Python are there", TimeSpan.FromSeconds(30), () => PythonWorkers.Of(run.Processors.Id).Count > 0);
            await Task.Delay(run.Random.Next(300, 1500));
            PythonWorkers.Kill(run.Processors.Id);
            if (run.StruckAt == 0)
                run.Struck();
        }
    }
}
