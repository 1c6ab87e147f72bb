using System.Text;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>The same id with other content is no duplicate: the first committed stays, the other is dead-lettered with its bytes.</summary>
public sealed class ConflictTests
{
    const int Partitions = 4;

    static RawEvent Event(int id, int content) => RawEvent.Read(
        $$$"""{"event_id":"00000000-0000-8000-8000-{{{id:x12}}}","event_type":"annotation","timestamp":"2024-05-01T00:00:00Z","user_id":"u{{{id % 7}}}","project_id":"p","data":{"type":"create","annotationType":"box","duration":{{{content}}},"success":true}}""");

    [Fact]
    public async Task In_one_batch_the_lowest_offset_is_first_and_later_the_stored_one()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var random = Seeds.Next();
        await pipeline.Topic.PublishAsync([Record(1, 10), Record(1, 11), new(null, Respelling.Of(Event(1, 10).Bytes, random), 0), Record(2, 20)]);
        await pipeline.StartProcessorsAsync();
        await pipeline.StoredToTheEndAsync();
        await pipeline.Topic.PublishAsync([Record(2, 21), Record(2, 20), Record(1, 11)]);
        await new Expected([Event(1, 10), Event(2, 20)], 7) { DeadLetters = 3 }.AssertStoredAsync(pipeline);
        var letters = await pipeline.Database.RowsAsync("SELECT \"offset\", reason, value FROM pipeline.dead_letters ORDER BY 1", r => (r.GetInt64(0), r.GetString(1), Encoding.UTF8.GetString(r.GetFieldValue<byte[]>(2))));
        Assert.Equal([(1L, "conflicting_duplicate", Text(1, 11)), (4L, "conflicting_duplicate", Text(2, 21)), (6L, "conflicting_duplicate", Text(1, 11))], letters);
    }

    [Fact]
    public async Task Over_partitions_and_batches_of_chance_one_content_is_stored_and_every_record_of_another_is_dead_lettered()
    {
        const int ids = 400;
        var random = Seeds.Next();
        await using var pipeline = await PipelineUnderTest.CreateAsync(Partitions);
        List<(int Id, int Content, TopicRecord Record)> sent = [];
        for (var id = 1; id <= ids; id++)
            foreach (var content in (int[])[1, 1, 2, 2, 3])
            {
                var e = Event(id, content);
                sent.Add((id, content, new TopicRecord(e.Key, random.Next(2) == 0 ? Respelling.Of(e.Bytes, random) : e.Bytes, random.Next(Partitions))));
            }
        var shuffled = sent.ToArray();
        random.Shuffle(shuffled);
        await pipeline.Topic.PublishAsync(shuffled.Select(s => s.Record));
        await pipeline.StartProcessorsAsync(("Pipeline__Processors__BatchEventsMax", "50"));
        await pipeline.StoredToTheEndAsync();

        var stored = (await pipeline.Database.RowsAsync("SELECT value FROM rev_1.events", r => RawEvent.Read(r.GetFieldValue<byte[]>(0)))).ToDictionary(e => e.Id!, e => (int)e.DurationMs!.Value);
        Assert.Equal(ids, stored.Count);
        var refused = sent.Where(s => stored[Event(s.Id, 0).Id!] != s.Content).Select(s => Convert.ToHexString(s.Record.Value!)).Order(StringComparer.Ordinal).ToList();
        var letters = await pipeline.Database.RowsAsync("SELECT value FROM pipeline.dead_letters WHERE reason = 'conflicting_duplicate'", r => Convert.ToHexString(r.GetFieldValue<byte[]>(0)));
        Assert.Equal(refused, letters.Order(StringComparer.Ordinal));
        var kept = Enumerable.Range(1, ids).Select(id => Event(id, stored[Event(id, 0).Id!])).ToList();
        await new Expected(kept, sent.Count) { DeadLetters = refused.Count }.AssertStoredAsync(pipeline);
    }

    static TopicRecord Record(int id, int content) => new(null, Event(id, content).Bytes, 0);

    static string Text(int id, int content) => Encoding.UTF8.GetString(Event(id, content).Bytes);
}
