using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>PostgreSQL's connections break at any moment: a lost COMMIT is decided by what is stored, never guessed.</summary>
public sealed class ConnectionLossTests
{
    const int Copies = 2;

    [Fact]
    public async Task All_sessions_of_the_processors_are_cut_again_and_again_while_loading()
    {
        var random = Seeds.Next();
        await using var pipeline = await PipelineUnderTest.CreateAsync();
        var events = RealEvents.Sample(15_000);
        var processor = await pipeline.StartProcessorsAsync(("Pipeline__Processors__BatchEventsMax", "200"));
        var loading = pipeline.Topic.PublishOverAsync(Load.Records(events, Copies, pipeline.Topic.Partitions, random), TimeSpan.FromSeconds(12));
        await pipeline.PassedAtLeastAsync(1);
        long cuts = 0, sessions = 0;
        while (!loading.IsCompleted)
        {
            sessions += await pipeline.Database.CutSessionsAsync();
            cuts++;
            await Task.WhenAny(Task.Delay(random.Next(50, 700)), loading);
        }
        await loading;
        Seeds.Say($"{sessions} sessions were cut in {cuts} rounds");
        Assert.True(sessions > cuts, "hardly anything was cut");
        await new Expected(events, (long)events.Count * Copies).AssertStoredAsync(pipeline);
        Assert.Equal(0, await processor.StopAsync(TimeSpan.FromSeconds(30)));
    }
}
