using Confluent.Kafka;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>Partitions wander between processes all the time: nothing is lost, stored twice, or left without an owner.</summary>
public sealed class MembershipTests
{
    static readonly TimeSpan Within = TimeSpan.FromSeconds(60);
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

    [Fact]
    public async Task A_processor_says_that_its_group_waits_for_a_member_that_hangs()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync();
        var (stays, hangs) = (await pipeline.StartProcessorsAsync(), await pipeline.StartProcessorsAsync());
        await Until.TrueAsync("each has its share", Within, () => stays.GroupAsync(), g => g.JoinState == "steady" && g.Assigned == pipeline.Topic.Partitions / 2);
        var before = (await stays.GroupAsync()).Rebalances;
        hangs.Signal(HostProcess.SigStop);
        // Somebody joins, and the group waits for the one that hangs until its session has timed out.
        using (var joins = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig
        {
            BootstrapServers = TestServers.Kafka, GroupId = $"{pipeline.Topic.Name}.events-postgres", EnableAutoCommit = false, PartitionAssignmentStrategy = PartitionAssignmentStrategy.CooperativeSticky,
        }).Build())
        {
            joins.Subscribe(pipeline.Topic.Name);
            joins.Consume(TimeSpan.FromMilliseconds(100));
            await Until.TrueAsync("the group is seen to wait", Within, () => stays.GroupAsync(), g => g.JoinState != "steady");
            Assert.Contains("pipeline_process_group_joining{road=\"events-postgres\"}", await PipelineUnderTest.Http.GetStringAsync(new Uri(stays.Url, "metrics")), StringComparison.Ordinal);
            joins.Close();
        }
        await Until.TrueAsync("it has every partition", Within, () => stays.GroupAsync(), g => g.JoinState == "steady" && g.Assigned == pipeline.Topic.Partitions);
        Assert.True((await stays.GroupAsync()).Rebalances > before);
    }

    /// <summary>A process that has not come up yet cannot leave in order.</summary>
    static async Task<int> LeaveAsync(HostProcess host)
    {
        await host.ListeningAsync();
        return await host.StopAsync(TimeSpan.FromSeconds(30));
    }
}
