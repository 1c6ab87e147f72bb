using Pipeline.Faults.Harness;
using Pipeline.Faults.Servers;
using Pipeline.Pipeline.Tests.Harness;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Pipeline.Faults.Catalogue;

/// <summary>
/// RabbitMQ carries the dead letters of events-postgres, which stand in PostgreSQL already, and the retries of a test processor whose records say
/// how they fail. Whatever happens to it: events-postgres is not held up, each record of the test processor ends as a success or a dead letter,
/// and in the end every queue is empty and every letter published.
/// </summary>
abstract class RabbitFault(string name, int usualSeconds) : Fault(name, usualSeconds)
{
    static readonly TimeSpan SettledWithin = TimeSpan.FromSeconds(60);

    public override Need Needs => Need.Rabbit;

    public override string ProcessorsHost => "FailingProcessor";

    /// <summary>A tenth of the records fails once or twice for a moment; some fail for good.</summary>
    public override LoadShape Load => new() { BatchesPerSecond = 4, DirectPerSecond = 120, FailShare = 0.1, InvalidShare = 0.03 };

    public override (string, string)[] ProcessorsSettings =>
    [
        ("Pipeline__RabbitMq__RetryDelays__0", "00:00:00.300"), ("Pipeline__RabbitMq__RetryDelays__1", "00:00:01"), ("Pipeline__RabbitMq__AttemptsMax", "3"),
        ("Pipeline__RabbitMq__PublishTimeout", "00:00:03"),
    ];

    /// <summary>RabbitMQ's trouble is no reason for events-postgres to wait; a fault of the process itself is.</summary>
    protected virtual bool HoldsUpEvents => false;

    protected static Sign Rabbit(string state) => Sign.Health(Sign.Processors, "dependencies.rabbitmq.healthy", state);

    public override async Task CheckAsync(FaultRun run, Findings findings)
    {
        if (!HoldsUpEvents)
            await FenceLog.CheckDelayAsync(run, findings, run.HealingAtUtc);
        foreach (var (partition, end) in await run.EndsAsync())
            await Until.TrueAsync($"each record of partition {partition} has succeeded or become a dead letter of the test processor", SettledWithin, () => run.Database.ValueAsync<long>("""
                SELECT count(*) FROM generate_series(0, $1 - 1) AS o ("offset") WHERE NOT EXISTS (SELECT 1 FROM failing.successes s WHERE s.partition = $2 AND s."offset" = o."offset")
                    AND NOT EXISTS (SELECT 1 FROM control.dead_letters d WHERE d.consumer = 'failing' AND d.partition = $2 AND d."offset" = o."offset")
                """, end, partition), missing => missing == 0);
        var queues = new RabbitQueues(run);
        await queues.SettledAsync(SettledWithin);
        var unpublished = await run.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.dead_letters WHERE published_at IS NULL");
        findings.Expect(unpublished == 0, $"{unpublished} dead letters were not published");
    }
}

sealed class RabbitStops(string name, int signal) : RabbitFault(name, 40)
{
    public override TimeSpan Hold => TimeSpan.FromSeconds(3);

    public override IReadOnlyList<Sign> Signs => [.. Sign.Down(Sign.Processors, "rabbitmq"), Sign.Grows(Sign.Processors, "pipeline_process_failures_total", "kind=\"rabbitmq\"")];

    public override Task InjectAsync(FaultRun run) => run.Rabbit!.StopAsync(signal);

    public override Task HealAsync(FaultRun run) => run.Rabbit!.StartAgainAsync();
}

/// <summary>RabbitMQ is short of memory and blocks whoever publishes.</summary>
sealed class RabbitMemoryAlarm() : RabbitFault("RabbitMQ memory alarm", 35)
{
    public override TimeSpan Hold => TimeSpan.FromSeconds(5);

    /// <summary>The command itself takes some seconds.</summary>
    public override bool SaysWhenItStruck => true;

    public override IReadOnlyList<Sign> Signs => [.. Sign.Down(Sign.Processors, "rabbitmq")];

    public override async Task InjectAsync(FaultRun run)
    {
        await run.Rabbit!.ControlAsync("set_vm_memory_high_watermark", "absolute", "1MB");
        run.Struck();
    }

    public override Task HealAsync(FaultRun run) => run.Rabbit!.ControlAsync("set_vm_memory_high_watermark", "0.4");
}

/// <summary>Somebody deletes queues while they are in use. Emptied first: what lay in them would be gone by that hand, not by a fault.</summary>
sealed class RabbitQueueDeleted() : RabbitFault("RabbitMQ queues deleted", 30)
{
    public override IReadOnlyList<Sign> Signs => [Sign.Grows(Sign.Processors, "pipeline_publish_returns_total"), .. Sign.WorkRestarted];

    public override async Task InjectAsync(FaultRun run)
    {
        var queues = new RabbitQueues(run);
        await queues.UnbindAsync(queues.WorkQueue, queues.Work, "failing");
        await queues.DeleteEmptyAsync(queues.WorkQueue);
        await queues.UnbindAsync(queues.DeadLetters, queues.DeadLetters, "#");
        await queues.DeleteEmptyAsync(queues.DeadLetters);
    }
}

/// <summary>An exchange leads to no queue any more: what is published there comes back.</summary>
sealed class RabbitTargetMissing() : RabbitFault("RabbitMQ target queue missing", 30)
{
    public override TimeSpan Hold => TimeSpan.FromSeconds(4);

    public override IReadOnlyList<Sign> Signs => [Sign.Grows(Sign.Processors, "pipeline_publish_returns_total"), Sign.Failures("failing")];

    public override async Task InjectAsync(FaultRun run)
    {
        var queues = new RabbitQueues(run);
        await queues.UnbindAsync(queues.FirstRetry, queues.FirstRetry, "");
        await queues.UnbindAsync(queues.WorkQueue, queues.Work, "failing");
    }

    public override async Task HealAsync(FaultRun run)
    {
        var queues = new RabbitQueues(run);
        await queues.BindAsync(queues.WorkQueue, queues.Work, "failing");
        await queues.BindAsync(queues.FirstRetry, queues.FirstRetry, "");
    }
}

/// <summary>The process is killed between a publish and its confirm, or between the confirm and what follows it.</summary>
sealed class KilledAtHandOver(string name, string point) : RabbitFault(name, 35)
{
    protected override bool HoldsUpEvents => true;

    public override bool SaysWhenItStruck => true;

    public override IReadOnlyList<Sign> Signs => [Sign.Silent(Sign.Processors)];

    public override async Task InjectAsync(FaultRun run)
    {
        var first = run.Processors;
        var armed = run.LaunchProcessors(("PIPELINE_ARMED", $"{point}:KILL:{run.Random.Next(2, 8)}"));
        await armed.ListeningAsync();
        await first.StopAsync(TimeSpan.FromSeconds(25));
        if (await armed.ExitAsync(TimeSpan.FromSeconds(40)) != 128 + HostProcess.SigKill)
            throw new InvalidOperationException($"the armed processor ended in another way:\n{armed.Tail(20)}");
        run.Struck();
    }

    public override Task HealAsync(FaultRun run) => run.StartProcessorsAsync();
}

/// <summary>A processor fails every record, attempt after attempt: each climbs the ladder and ends as a dead letter; events-postgres does not notice.</summary>
sealed class EveryRecordFails() : RabbitFault("100 % transient failure of a processor", 40)
{
    public override LoadShape Load => base.Load with { BatchesPerSecond = 2, DirectPerSecond = 60, FailShare = 1, FailsForGood = true };

    public override TimeSpan Hold => TimeSpan.FromSeconds(6);

    public override IReadOnlyList<Sign> Signs => [Sign.Grows(Sign.Processors, "pipeline_publish_hand_overs_total", "outcome=\"retry\""), Sign.Grows(Sign.Processors, "pipeline_receive_dead_letters_total"),
        Sign.Counted("failing", "handed_over")];

    public override Task InjectAsync(FaultRun run) => Task.CompletedTask;
}

/// <summary>The queues of one run, by their names.</summary>
/// <param name="road">Whose retries they carry.</param>
sealed class RabbitQueues(FaultRun run, string road = "failing")
{
    public string Work => $"{run.RabbitPrefix}pipeline.work";
    public string WorkQueue => $"{Work}.{road}";

    /// <summary>Of long requests; only analyses have them.</summary>
    public IReadOnlyList<string> Jobs => road == "analysis" ? [.. new[] { "high", "normal", "low" }.Select(p => $"{run.RabbitPrefix}pipeline.jobs.{p}")] : [];

    public string FirstRetry => $"{run.RabbitPrefix}pipeline.retry.300";
    public string SecondRetry => $"{run.RabbitPrefix}pipeline.retry.1000";
    public string DeadLetters => $"{run.RabbitPrefix}dead-letters";

    /// <summary>Waits until every queue exists and is empty, and stays so for two looks.</summary>
    public async Task SettledAsync(TimeSpan within)
    {
        var quiet = 0;
        await Until.TrueAsync("every queue is empty and every dead letter is published", within, async () =>
        {
            var waiting = await WaitingAsync();
            quiet = waiting == "" ? quiet + 1 : 0;
            return waiting;
        }, _ => quiet > 20);
    }

    async Task<string> WaitingAsync()
    {
        try
        {
            await using var connection = await run.Rabbit!.ConnectAsync();
            var waiting = new List<string>();
            foreach (var queue in (string[])[WorkQueue, $"{WorkQueue}.alone", FirstRetry, SecondRetry, DeadLetters, .. Jobs])
            {
                await using var channel = await connection.CreateChannelAsync();
                var messages = (await channel.QueueDeclarePassiveAsync(queue)).MessageCount;
                if (messages > 0)
                    waiting.Add($"{queue}: {messages}");
            }
            var unpublished = await run.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.dead_letters WHERE published_at IS NULL");
            if (unpublished > 0)
                waiting.Add($"{unpublished} unpublished");
            return string.Join(", ", waiting);
        }
        catch (Exception e) when (e is OperationInterruptedException or BrokerUnreachableException or AlreadyClosedException)
        {
            return e.Message;
        }
    }

    /// <summary>Deletes a queue that nothing leads to any more, once it has been empty for a while. Quorum queues do not know "if empty".</summary>
    public async Task DeleteEmptyAsync(string queue)
    {
        var quiet = 0;
        await Until.TrueAsync($"{queue} is empty", TimeSpan.FromSeconds(20), async () =>
        {
            quiet = await CountAsync(queue) == 0 ? quiet + 1 : 0;
            return quiet;
        }, n => n > 10);
        await WithChannelAsync(channel => channel.QueueDeleteAsync(queue));
    }

    public async Task<uint> CountAsync(string queue)
    {
        uint count = 0;
        await WithChannelAsync(async channel => count = (await channel.QueueDeclarePassiveAsync(queue)).MessageCount);
        return count;
    }

    public Task UnbindAsync(string queue, string exchange, string key) => WithChannelAsync(channel => channel.QueueUnbindAsync(queue, exchange, key));

    public Task BindAsync(string queue, string exchange, string key) => WithChannelAsync(channel => channel.QueueBindAsync(queue, exchange, key));

    async Task WithChannelAsync(Func<IChannel, Task> use)
    {
        await using var connection = await run.Rabbit!.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        await use(channel);
    }
}
