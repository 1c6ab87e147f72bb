using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>Records that retention removed before they were stored are named and counted, never skipped in silence.</summary>
public sealed class ExpiredRecordsTests
{
    const int Partitions = 4, PerPartition = 200, Stored = 100;

    [Fact]
    public async Task Removed_while_processors_were_down_they_stop_their_partitions_and_count_as_expired_once_accepted()
    {
        TestServers.NeedsRealKafka("removing records");
        await using var pipeline = await PipelineUnderTest.CreateAsync(Partitions);
        var events = RealEvents.Sample(Partitions * PerPartition);
        await pipeline.Topic.PublishAsync(Spread(events.Take(Partitions * Stored)));
        var first = await pipeline.StartProcessorsAsync();
        await pipeline.StoredToTheEndAsync();
        Assert.Equal(0, await first.StopAsync(TimeSpan.FromSeconds(30)));

        await pipeline.Topic.PublishAsync(Spread(events.Skip(Partitions * Stored)));
        Dictionary<int, long> starts = new() { [1] = Stored + 30, [2] = PerPartition };
        await pipeline.Topic.RemoveBeforeAsync(starts);
        var second = await pipeline.StartProcessorsAsync();
        await second.StoppedAsync(starts.Keys, "were removed from the log");
        // Hosts print behind what they do: /health may tell of it first.
        foreach (var loss in new[] { $"[1]: 30 offsets from {Stored}", $"[2]: 100 offsets from {Stored}" })
            Assert.Contains("records_expired", await second.LoggedAsync(pipeline.Topic.Name + loss, TimeSpan.FromSeconds(30)), StringComparison.Ordinal);

        Assert.Equal(0, (await pipeline.CommandAsync("Processors", ["--accept", "loss", pipeline.Topic.Name])).ExitCode);
        var kept = events.Where((_, i) => i / Partitions < Stored || !starts.TryGetValue(i % Partitions, out var start) || i / Partitions >= start).ToList();
        await new Expected(kept, kept.Count) { Expired = events.Count - kept.Count }.AssertStoredAsync(pipeline);
    }

    [Fact]
    public async Task Removed_ahead_of_a_running_processor_they_stop_its_partition_until_the_loss_is_accepted()
    {
        TestServers.NeedsRealKafka("removing records");
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var events = RealEvents.Sample(3_000);
        await pipeline.Topic.PublishAsync(events.Select(e => new TopicRecord(e.Key, e.Bytes, 0)));
        var processor = await pipeline.StartProcessorsAsync(("Pipeline__Processors__BatchEventsMax", "5"), ("Pipeline__Processors__QueueRecordsMax", "10"));
        await pipeline.PassedAtLeastAsync(20);
        var start = events.Count - 100;
        await pipeline.Topic.RemoveBeforeAsync([new(0, start)]);
        // What the client had fetched ahead is still stored; the rest of the stretch is named.
        await processor.StoppedAsync([0], "were removed from the log");
        var stored = await pipeline.PassedAsync();
        Seeds.Say($"stored up to {stored} of {start} removed");
        await processor.LoggedAsync($"{start - stored} offsets from {stored}", TimeSpan.FromSeconds(30));

        Assert.Equal(0, (await pipeline.CommandAsync("Processors", ["--accept", "loss", pipeline.Topic.Name, "0"])).ExitCode);
        var kept = events.Where((_, i) => i < stored || i >= start).ToList();
        await new Expected(kept, kept.Count) { Expired = start - stored }.AssertStoredAsync(pipeline);
    }

    [Fact]
    public async Task The_word_for_one_loss_does_not_count_for_a_later_one()
    {
        TestServers.NeedsRealKafka("removing records");
        await using var pipeline = await PipelineUnderTest.CreateAsync(Partitions);
        var events = RealEvents.Sample(Partitions * PerPartition);
        var processor = await pipeline.StartProcessorsAsync();
        await pipeline.Topic.PublishAsync(Spread(events.Take(Partitions * Stored)));
        await pipeline.StoredToTheEndAsync();
        // Nothing is lost now, but an operator says so all the same, for the whole topic.
        Assert.Equal(1, (await pipeline.CommandAsync("Processors", ["--accept", "loss", pipeline.Topic.Name])).ExitCode);
        await pipeline.Topic.PublishAsync(Spread(events.Skip(Partitions * Stored).Take(Partitions * 50)));
        await pipeline.StoredToTheEndAsync();
        Assert.Equal(0, await processor.StopAsync(TimeSpan.FromSeconds(30)));
        await pipeline.Topic.PublishAsync(Spread(events.Skip(Partitions * (Stored + 50))));
        await pipeline.Topic.RemoveBeforeAsync([new(3, PerPartition)]);

        var next = await pipeline.StartProcessorsAsync();
        await next.StoppedAsync([3], "were removed from the log");
        Assert.Equal(0, (await pipeline.Database.OutcomesAsync()).Expired);
    }

    static IEnumerable<TopicRecord> Spread(IEnumerable<RawEvent> events) => events.Select((e, i) => new TopicRecord(e.Key, e.Bytes, i % Partitions));
}
