using System.Diagnostics;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>
/// A processor that stands still past its session timeout and wakes up again: a second one has taken over meanwhile, and the fence refuses
/// what the first still wants to write.
/// </summary>
public sealed class StoppedProcessorTests
{
    const int Copies = 2;

    /// <summary>6 s session timeout, 5 s for a transaction that holds the row, and a start of a process on a busy machine.</summary>
    static readonly TimeSpan TakeOverWithin = TimeSpan.FromSeconds(40);

    [Theory]
    [InlineData("InsideCopy:STOP:2")]
    [InlineData("BeforeCommit:STOP:2")]
    public async Task Stopped_at_an_armed_point_it_is_replaced_within_seconds_and_its_late_write_is_refused(string armed)
    {
        var random = Seeds.Next();
        await using var pipeline = await PipelineUnderTest.CreateAsync();
        var events = RealEvents.Sample(8_000);
        var records = Load.Records(events, Copies, pipeline.Topic.Partitions, random);
        var half = records.Length / 2;
        await pipeline.Topic.PublishAsync(records.Take(half));
        var zombie = await pipeline.StartProcessorsAsync(("Pipeline__Processors__BatchEventsMax", "200"), ("PIPELINE_ARMED", armed));
        await Until.TrueAsync("the first processor stands still", TimeSpan.FromSeconds(60), () => zombie.IsStopped);
        var before = zombie.Output.Length;

        var started = Stopwatch.GetTimestamp();
        await pipeline.StartProcessorsAsync();
        await pipeline.StoredToTheEndAsync(TakeOverWithin);
        Seeds.Say($"taken over and stored {Stopwatch.GetElapsedTime(started).TotalSeconds:F1} s after the second processor was started");

        zombie.Signal(HostProcess.SigCont);
        await Until.TrueAsync("the first processor says that its write was refused", TimeSpan.FromSeconds(30), () => WasRefused(zombie.Output[before..]));
        await pipeline.Topic.PublishAsync(records.Skip(half));
        await new Expected(events, (long)events.Count * Copies).AssertStoredAsync(pipeline);
        Assert.False(zombie.HasExited, "the fence is never fatal");
        await BothStopInOrderAsync(zombie);
    }

    /// <summary>Either the fence raised, or the session had been ended by the new owner or the server's own timeout.</summary>
    static bool WasRefused(string output) =>
        output.Contains("PL001", StringComparison.Ordinal) || output.Contains("terminating connection", StringComparison.Ordinal)
        || output.Contains("the connection was lost during COMMIT", StringComparison.Ordinal);

    static async Task BothStopInOrderAsync(HostProcess host) => Assert.Equal(0, await host.StopAsync(TimeSpan.FromSeconds(30)));

    [Fact]
    public async Task Stopped_with_SIGSTOP_between_batches_it_joins_again_and_no_partition_is_stranded()
    {
        var random = Seeds.Next();
        await using var pipeline = await PipelineUnderTest.CreateAsync();
        var events = RealEvents.Sample(8_000);
        var records = Load.Records(events, Copies, pipeline.Topic.Partitions, random);
        var loading = pipeline.Topic.PublishOverAsync(records, TimeSpan.FromSeconds(12));
        var one = await pipeline.StartProcessorsAsync();
        await pipeline.PassedAtLeastAsync(1);
        var other = await pipeline.StartProcessorsAsync();
        await pipeline.PassedAtLeastAsync(random.Next(records.Length / 8, records.Length / 3));
        one.Signal(HostProcess.SigStop);
        await loading;
        await pipeline.StoredToTheEndAsync(TakeOverWithin);
        one.Signal(HostProcess.SigCont);
        await pipeline.Topic.PublishAsync(Load.Records(events, 1, pipeline.Topic.Partitions, random));
        await new Expected(events, (long)events.Count * (Copies + 1)).AssertStoredAsync(pipeline);
        Assert.Equal(0, await other.StopAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal(0, await one.StopAsync(TimeSpan.FromSeconds(30)));
    }
}
