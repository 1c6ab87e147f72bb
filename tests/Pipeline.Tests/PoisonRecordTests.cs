using System.Text;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>A record that throws, hangs, takes all memory or ends the process that reads it: it alone becomes a dead letter.</summary>
public sealed class PoisonRecordTests
{
    const int Events = 900, Partitions = 3;
    const int Poisoned = 437;

    [Fact]
    public async Task One_that_throws_is_dead_lettered_at_once_and_the_process_lives()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(Partitions);
        await PublishAsync(pipeline);
        var processor = await pipeline.StartProcessorsAsync(("PIPELINE_ARMED_RECORD", $"THROW:{Marker}"));
        await AssertDeadLetterAsync(pipeline, "processor_failed", "InvalidOperationException");
        Assert.False(processor.HasExited);
    }

    [Fact]
    public async Task Where_too_many_throw_the_process_stops_and_nothing_of_the_batch_counts()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        await pipeline.Topic.PublishAsync(All.Select(e => new TopicRecord(e.Key, e.Bytes, 0)));
        var processor = await pipeline.StartProcessorsAsync(("PIPELINE_ARMED_RECORD", "THROW:event_id"), ("Pipeline__Processors__FaultyRecordsMax", "100"));
        Assert.Equal(1, await processor.ExitAsync(TimeSpan.FromSeconds(60)));
        Assert.Equal(0, await pipeline.PassedAsync());
        await pipeline.StartProcessorsAsync();
        await new Expected([.. All], Events).AssertStoredAsync(pipeline);
    }

    [Theory]
    [InlineData("KILL")]
    [InlineData("HANG", "Pipeline__Processors__ProcessingDeadline", "00:00:01")]
    [InlineData("MEMORY", "DOTNET_GCHeapHardLimit", "0x14000000")]
    public async Task One_that_ends_the_process_is_found_and_not_read_again(string action, string? setting = null, string value = "")
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(Partitions);
        await PublishAsync(pipeline);
        (string, string)[] settings = [("PIPELINE_ARMED_RECORD", $"{action}:{Marker}"), .. setting is null ? [] : ((string, string)[])[(setting, value)]];
        var died = 0;
        var stored = pipeline.StoredToTheEndAsync(TimeSpan.FromMinutes(4));
        while (!stored.IsCompleted)
        {
            // As a supervisor would: another one at once.
            var processor = await pipeline.StartProcessorsAsync(settings);
            if (await Task.WhenAny(stored, processor.ExitAsync(TimeSpan.FromMinutes(4))) != stored)
                died++;
        }
        await stored;
        Seeds.Say($"{died} processes died");
        Assert.InRange(died, 6, 8);
        await AssertDeadLetterAsync(pipeline, "killed_processor", "6 processes");
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.offsets WHERE trying IS NOT NULL OR tries > 0"));
    }

    [Fact]
    public async Task With_both_roads_in_the_process_it_is_found_all_the_same_and_the_others_become_points()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1, withInflux: true);
        await pipeline.Topic.PublishAsync(All.Select(e => new TopicRecord(e.Key, e.Bytes, 0)));
        var died = 0;
        var stored = Until.TrueAsync("every event but one is a point", TimeSpan.FromMinutes(4), async () => await pipeline.Influx!.PointsAsync() == Events - 1);
        while (!stored.IsCompleted)
        {
            var processor = await pipeline.StartProcessorsAsync(("PIPELINE_ARMED_RECORD", $"KILL:{Marker}"));
            if (await Task.WhenAny(stored, processor.ExitAsync(TimeSpan.FromMinutes(4))) != stored)
                died++;
        }
        await stored;
        Seeds.Say($"{died} processes died");
        Assert.InRange(died, 6, 9);
        await new Expected([.. All.Where((_, i) => i != Poisoned)], Events) { DeadLetters = 1 }.AssertStoredAsync(pipeline);
    }

    const string Marker = "this-one-is-poison";

    static readonly List<RawEvent> All = [.. Enumerable.Range(0, Events).Select(i => RawEvent.Read(
        $$$"""{"event_id":"00000000-0000-8000-8000-{{{i + 1:x12}}}","event_type":"annotation","timestamp":"2024-05-01T00:00:00Z","user_id":"u{{{i % 7}}}","project_id":"p","data":{"type":"create","annotationType":"{{{(i == Poisoned ? Marker : "box")}}}","duration":10,"success":true}}"""))];

    static Task PublishAsync(PipelineUnderTest pipeline) => pipeline.Topic.PublishAsync(All.Select((e, i) => new TopicRecord(e.Key, e.Bytes, i % Partitions)));

    static async Task AssertDeadLetterAsync(PipelineUnderTest pipeline, string reason, string message)
    {
        await new Expected([.. All.Where((_, i) => i != Poisoned)], Events) { DeadLetters = 1 }.AssertStoredAsync(pipeline);
        var letter = (await pipeline.Database.RowsAsync("SELECT reason, message, kind, partition, \"offset\", value FROM pipeline.dead_letters",
            r => (Reason: r.GetString(0), Message: r.GetString(1), Kind: r.GetString(2), Place: (r.GetInt32(3), r.GetInt64(4)), Value: Encoding.UTF8.GetString(r.GetFieldValue<byte[]>(5))))).Single();
        Assert.Equal((reason, "fatal", (Poisoned % Partitions, Poisoned / Partitions), Encoding.UTF8.GetString(All[Poisoned].Bytes)), (letter.Reason, letter.Kind, letter.Place, letter.Value));
        Assert.Contains(message, letter.Message);
    }
}
