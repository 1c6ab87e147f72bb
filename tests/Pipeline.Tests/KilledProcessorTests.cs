using System.Diagnostics;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>A processor that dies by SIGKILL, anywhere, loses nothing and stores nothing twice.</summary>
public sealed class KilledProcessorTests
{
    const int Copies = 2;
    const int SigKillExit = 128 + HostProcess.SigKill;

    /// <summary>Batches small enough that the armed pass comes in the middle of the load and a kill of chance finds one open.</summary>
    static readonly (string, string) SmallBatches = ("Pipeline__Processors__BatchEventsMax", "200");

    /// <summary>6 s until the group gives up the dead member, and a start of a process on a busy machine.</summary>
    static readonly TimeSpan GoesOnWithin = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Killed_at_random_moments_while_loading_it_ends_with_every_event_stored_once()
    {
        const int kills = 3;
        var random = Seeds.Next();
        await using var pipeline = await PipelineUnderTest.CreateAsync();
        var events = RealEvents.Sample(20_000);
        var loading = pipeline.Topic.PublishOverAsync(Load.Records(events, Copies, pipeline.Topic.Partitions, random), TimeSpan.FromSeconds(20));
        for (var i = 0; i < kills; i++)
        {
            var before = await pipeline.PassedAsync();
            var processor = await pipeline.StartProcessorsAsync(SmallBatches);
            await pipeline.PassedAtLeastAsync(before + 1);
            var life = TimeSpan.FromMilliseconds(random.Next(1500));
            Seeds.Say($"kill {i + 1}: {life.TotalMilliseconds} ms after its first commit beyond {before}");
            await Task.WhenAny(Task.Delay(life), loading);
            await processor.KillAsync();
        }
        await pipeline.StartProcessorsAsync(SmallBatches);
        await loading;
        await new Expected(events, (long)events.Count * Copies).AssertStoredAsync(pipeline);
    }

    [Theory]
    [InlineData("InsideCopy:KILL:2")]
    [InlineData("BeforeCommit:KILL:3")]
    [InlineData("AfterCommit:KILL:3")]
    public async Task Killed_at_an_armed_point_its_successor_goes_on_from_the_last_commit(string armed)
    {
        var random = Seeds.Next();
        await using var pipeline = await PipelineUnderTest.CreateAsync();
        var events = RealEvents.Sample(6_000);
        await pipeline.Topic.PublishAsync(Load.Records(events, Copies, pipeline.Topic.Partitions, random));
        var killed = await pipeline.StartProcessorsAsync(SmallBatches, ("PIPELINE_ARMED", armed));
        Assert.Equal(SigKillExit, await killed.ExitAsync(TimeSpan.FromSeconds(60)));
        var passed = await pipeline.PassedAsync();
        // Several batches are under way at a time: the pass that kills may come before the first commit, never after the last.
        Assert.InRange(passed, 0, (events.Count * Copies) - 1);
        var started = Stopwatch.GetTimestamp();
        await pipeline.StartProcessorsAsync(SmallBatches);
        await pipeline.PassedAtLeastAsync(passed + 1, GoesOnWithin);
        Seeds.Say($"went on {Stopwatch.GetElapsedTime(started).TotalSeconds:F1} s after the successor was started");
        await new Expected(events, (long)events.Count * Copies).AssertStoredAsync(pipeline);
    }
}
