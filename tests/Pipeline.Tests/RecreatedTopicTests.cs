using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>A topic that was deleted and made anew is another log: its offsets mean other records, so an operator decides.</summary>
public sealed class RecreatedTopicTests
{
    const int Partitions = 4;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Made_anew_while_processors_run_nothing_of_it_is_stored_until_it_is_accepted(bool newLogIsLonger)
    {
        TestServers.NeedsRealKafka("deleting topics");
        await using var pipeline = await PipelineUnderTest.CreateAsync(Partitions);
        var events = RealEvents.Sample(3_000);
        var (shorter, longer) = (events.Take(events.Count / 3).ToList(), events.Skip(events.Count / 3).ToList());
        var (old, fresh) = newLogIsLonger ? (shorter, longer) : (longer, shorter);
        await pipeline.Topic.PublishAsync(Spread(old));
        var processor = await pipeline.StartProcessorsAsync();
        await pipeline.StoredToTheEndAsync();

        await pipeline.Topic.MakeAnewAsync();
        await pipeline.Topic.PublishAsync(Spread(fresh));
        await processor.StoppedAsync([.. Enumerable.Range(0, Partitions)], "made anew");
        Assert.NotNull(processor.Find("topic_changed"));
        Assert.Equal(old.Count, await pipeline.PassedAsync());
        Assert.Equal(old.Count, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.event_ledger"));

        Assert.Equal(0, (await pipeline.CommandAsync("Processors", ["--accept", "new_log", pipeline.Topic.Name])).ExitCode);
        await new Expected(events, events.Count).AssertStoredAsync(pipeline);
        await AssertOldLogsAreClosedAsync(pipeline);
        Assert.Equal(0, await processor.StopAsync(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public async Task Made_anew_while_batches_are_being_written_the_old_log_keeps_only_its_own_events()
    {
        TestServers.NeedsRealKafka("deleting topics");
        var random = Seeds.Next();
        await using var pipeline = await PipelineUnderTest.CreateAsync(Partitions);
        var events = RealEvents.Sample(12_000);
        var (old, fresh) = (events.Take(events.Count / 2).ToList(), events.Skip(events.Count / 2).ToList());
        await pipeline.Topic.PublishAsync(Spread(old));
        var processor = await pipeline.StartProcessorsAsync(("Pipeline__Processors__BatchEventsMax", "50"), ("Pipeline__Processors__QueueRecordsMax", "100"));
        await pipeline.PassedAtLeastAsync(random.Next(old.Count / 20, old.Count / 3));
        await pipeline.Topic.MakeAnewAsync();
        await pipeline.Topic.PublishAsync(Spread(fresh));
        await processor.StoppedAsync([.. Enumerable.Range(0, Partitions)], "made anew");

        // What was in memory may still have been stored; what the broker had thrown away is nobody's to store.
        var stored = (await pipeline.Database.RowsAsync("SELECT event_id FROM rev_1.events", r => r.GetGuid(0))).ToHashSet();
        Seeds.Say($"{stored.Count} of {old.Count} events of the old log were stored when it went away");
        Assert.Equal(stored.Count, await pipeline.PassedAsync());
        Assert.DoesNotContain(fresh, e => stored.Contains(Guid.Parse(e.Id!)));

        Assert.Equal(0, (await pipeline.CommandAsync("Processors", ["--accept", "new_log", pipeline.Topic.Name])).ExitCode);
        List<RawEvent> all = [.. old.Where(e => stored.Contains(Guid.Parse(e.Id!))), .. fresh];
        await new Expected(all, all.Count).AssertStoredAsync(pipeline);
        await AssertOldLogsAreClosedAsync(pipeline);
    }

    static async Task AssertOldLogsAreClosedAsync(PipelineUnderTest pipeline)
    {
        Assert.Equal(Partitions, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.offsets WHERE closed_at IS NOT NULL"));
        Assert.Equal(Partitions, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.offsets WHERE closed_at IS NULL"));
        Assert.Equal(2, await pipeline.Database.ValueAsync<long>("SELECT count(DISTINCT topic_id) FROM rev_1.offsets"));
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM control.acceptances WHERE used_at IS NULL"));
    }

    /// <summary>The same number in every partition, so that a log that is longer is longer everywhere.</summary>
    static IEnumerable<TopicRecord> Spread(IEnumerable<RawEvent> events) => events.Select((e, i) => new TopicRecord(e.Key, e.Bytes, i % Partitions));
}
