using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>Partitions wander between processes all the time: nothing is lost, stored twice, or left without an owner.</summary>
public sealed class MembershipTests
{
    const int Copies = 2, Changes = 16, ProcessorsMin = 2, ProcessorsMax = 3;

    [Fact]
    public async Task Two_and_three_processors_join_and_leave_every_second_while_loading()
    {
        var random = Seeds.Next();
        await using var pipeline = await PipelineUnderTest.CreateAsync();
        var events = RealEvents.Sample(20_000);
        var loading = pipeline.Topic.PublishOverAsync(Load.Records(events, Copies, pipeline.Topic.Partitions, random), TimeSpan.FromSeconds(Changes));
        Queue<HostProcess> running = new();
        List<Task<int>> leaving = [];
        using var everySecond = new PeriodicTimer(TimeSpan.FromSeconds(1));
        for (var change = 0; change < Changes; change++)
        {
            if (running.Count < ProcessorsMin || (running.Count < ProcessorsMax && random.Next(2) == 0))
                running.Enqueue(pipeline.LaunchProcessors());
            else if (change % 4 < 2)
                leaving.Add(LeaveAsync(running.Dequeue()));
            else
                await running.Dequeue().KillAsync();
            await everySecond.WaitForNextTickAsync();
        }
        await loading;
        await new Expected(events, (long)events.Count * Copies).AssertStoredAsync(pipeline);
        leaving.AddRange(running.Select(LeaveAsync));
        Assert.All(await Task.WhenAll(leaving), exitCode => Assert.Equal(0, exitCode));
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.offsets WHERE owner IS NOT NULL"));
    }

    /// <summary>A process that has not come up yet cannot leave in order.</summary>
    static async Task<int> LeaveAsync(HostProcess host)
    {
        await host.ListeningAsync();
        return await host.StopAsync(TimeSpan.FromSeconds(30));
    }
}
