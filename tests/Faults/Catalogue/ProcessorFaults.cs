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
