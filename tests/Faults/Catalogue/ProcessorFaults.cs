using Pipeline.Faults.Harness;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Catalogue;

/// <summary>A processor is killed at an armed point of a batch, in the middle of the load; a supervisor starts it again.</summary>
sealed class KilledAtPoint(string name, string point) : Fault(name, 16)
{
    public override bool SaysWhenItStruck => true;

    public override IReadOnlyList<Sign> Signs => [Sign.Silent(Sign.Processors)];

    public override async Task InjectAsync(FaultRun run)
    {
        var first = run.Processors;
        var armed = run.LaunchProcessors(("PIPELINE_ARMED", $"{point}:KILL:{run.Random.Next(2, 6)}"));
        await armed.ListeningAsync();
        // It gets partitions of its own when the first one leaves.
        await first.StopAsync(TimeSpan.FromSeconds(20));
        if (await armed.ExitAsync(TimeSpan.FromSeconds(30)) != 128 + HostProcess.SigKill)
            throw new InvalidOperationException($"the armed processor ended in another way:\n{armed.Tail(20)}");
        run.Struck();
    }

    public override Task HealAsync(FaultRun run) => run.StartProcessorsAsync();
}

/// <summary>Two processors; again and again one of them is killed at a moment of chance and started anew.</summary>
sealed class KilledAtRandom() : Fault("processors killed at random", 0)
{
    static TimeSpan Lasts => TimeSpan.FromSeconds(Selection.IsAll ? 300 : 40);

    public override int UsualSeconds => (int)Lasts.TotalSeconds + 20;

    public override LoadShape Load => new() { BatchesPerSecond = 6, DirectPerSecond = 150 };

    public override IReadOnlyList<Sign> Signs => [Sign.Silent(Sign.Processors)];

    public override async Task InjectAsync(FaultRun run) => Seeds.Say($"{await KillAsync(run, Lasts)} kills");

    /// <returns>How many kills there were.</returns>
    public static async Task<int> KillAsync(FaultRun run, TimeSpan lasts)
    {
        List<HostProcess> running = [run.Processors];
        running.Add(await run.StartProcessorsAsync());
        var kills = 0;
        using var over = new CancellationTokenSource(lasts);
        while (!over.IsCancellationRequested)
        {
            var killed = running[run.Random.Next(running.Count)];
            await killed.KillAsync();
            running.Remove(killed);
            kills++;
            await Task.Delay(300);
            running.Add(await run.StartProcessorsAsync());
            await Task.WhenAny(Task.Delay(run.Random.Next(1500, 8000), over.Token));
        }
        return kills;
    }
}

/// <summary>A processor stands still past its session timeout, wakes up, and finds that another one has taken over.</summary>
/// <param name="point">The armed point at which it stops itself; null: a moment of chance.</param>
sealed class Zombie(string name, string? point) : Fault(name, 24)
{
    HostProcess? _zombie;

    public override bool SaysWhenItStruck => true;

    public override IReadOnlyList<Sign> Signs => [Sign.Silent(Sign.Processors)];

    /// <summary>The session timeout is 6 s.</summary>
    public override TimeSpan Hold => TimeSpan.FromSeconds(7);

    public override async Task InjectAsync(FaultRun run)
    {
        if (point is null)
        {
            _zombie = run.Processors;
            _zombie.Signal(HostProcess.SigStop);
        }
        else
        {
            var first = run.Processors;
            _zombie = run.LaunchProcessors(("PIPELINE_ARMED", $"{point}:STOP:{run.Random.Next(2, 6)}"));
            await _zombie.ListeningAsync();
            await first.StopAsync(TimeSpan.FromSeconds(20));
            await Until.TrueAsync("the armed processor stands still", TimeSpan.FromSeconds(30), () => _zombie.IsStopped);
        }
        run.Struck();
    }

    public override async Task HealAsync(FaultRun run)
    {
        await run.StartProcessorsAsync();
        run.Healed();
        await run.StoredUpToAsync(await run.EndsAsync(), TimeSpan.FromSeconds(50));
        _zombie!.Signal(HostProcess.SigCont);
    }

    public override Task CheckAsync(FaultRun run, Findings findings)
    {
        findings.Expect(!_zombie!.HasExited, "the zombie ended; losing a log is never fatal");
        return Task.CompletedTask;
    }
}

/// <summary>Beside two that stay, processors join, leave in order and die, again and again.</summary>
sealed class RebalanceStorm() : Fault("rebalance storm", 35)
{
    const int Changes = 14, OthersMin = 1, OthersMax = 2;
    static readonly TimeSpan Pause = TimeSpan.FromSeconds(1.5);

    public override bool SaysWhenItStruck => true;

    public override IReadOnlyList<Sign> Signs => Sign.Rebalancing();

    public override async Task InjectAsync(FaultRun run)
    {
        await run.LaunchMoreProcessors().ListeningAsync();
        run.Struck();
        Queue<HostProcess> others = new();
        using var timer = new PeriodicTimer(Pause);
        for (var change = 0; change < Changes; change++)
        {
            if (others.Count < OthersMin || (others.Count < OthersMax && run.Random.Next(2) == 0))
                others.Enqueue(run.LaunchMoreProcessors());
            else
                others.Dequeue().Signal(run.Random.Next(3) == 0 ? HostProcess.SigKill : HostProcess.SigTerm);
            await timer.WaitForNextTickAsync();
        }
    }
}

/// <summary>Every commit takes longer than the group lets a member be without polling. The product's poll thread never waits for a store.</summary>
sealed class SlowerThanThePollInterval() : Fault("commits slower than max.poll.interval", 40)
{
    const int IntervalMs = 6000;
    const double CommitSeconds = 8;

    long _acquisitions;

    public override (string, string)[] ProcessorsSettings => [("Pipeline__Kafka__Client__max.poll.interval.ms", $"{IntervalMs}")];

    public override LoadShape Load => new() { BatchesPerSecond = 4, DirectPerSecond = 100 };

    public override TimeSpan Hold => TimeSpan.FromSeconds(CommitSeconds + 4);

    public override IReadOnlyList<Sign> Signs => [Sign.Queued(20), Sign.Old];

    public override async Task InjectAsync(FaultRun run)
    {
        _acquisitions = await EpochsAsync(run);
        await FenceLog.SlowCommitsAsync(run.Database, CommitSeconds);
    }

    public override Task HealAsync(FaultRun run) => FenceLog.SlowCommitsAsync(run.Database, 0);

    public override async Task CheckAsync(FaultRun run, Findings findings)
    {
        findings.Expect(await EpochsAsync(run) == _acquisitions, "partitions were acquired again: the stalled store cost the membership");
        findings.Expect(run.Processors.Find("MaxPollExceeded") is null, "the client says that the poll interval was exceeded");
    }

    static Task<long> EpochsAsync(FaultRun run) => run.Database.ValueAsync<long>("SELECT sum(epoch)::bigint FROM rev_1.offsets");
}
