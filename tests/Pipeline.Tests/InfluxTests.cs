using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>InfluxDB is derived: it never holds up PostgreSQL, catches up by itself, and what it refuses is named.</summary>
public sealed class InfluxTests
{
    [Fact]
    public async Task While_it_is_down_PostgreSQL_goes_on_and_afterwards_it_catches_up()
    {
        var random = Seeds.Next();
        await using var influx = await OwnInflux.StartAsync();
        await using var pipeline = await PipelineUnderTest.CreateAsync(influx: await influx.NewStoreAsync());
        var processor = await pipeline.StartProcessorsAsync();
        var events = RealEvents.Sample(6_000);
        var records = Load.Records(events, 1, pipeline.Topic.Partitions, random);
        var third = records.Length / 3;
        await pipeline.Topic.PublishAsync(records.Take(third));
        await pipeline.PassedAtLeastAsync(1);
        await influx.KillAsync();
        await pipeline.Topic.PublishAsync(records.Skip(third));
        await new Expected(events, events.Count).AssertStoredAsync(pipeline, TimeSpan.FromSeconds(30));
        await Until.TrueAsync("the partitions of events-influx wait and say so", TimeSpan.FromSeconds(30), async () =>
            (await processor.PartitionsAsync("events-influx")) is { Count: > 0 } partitions && partitions.All(p => p.State != "stopped") && partitions.Any(p => p.State == "waiting" && p.LastError is not null));
        Assert.All(await processor.PartitionsAsync(), p => Assert.Equal("running", p.State));

        await influx.StartAgainAsync();
        await Until.TrueAsync("InfluxDB has caught up", TimeSpan.FromSeconds(60), pipeline.Influx!.PointsAsync, points => points == Points.Of(events));
        Assert.Equal(0, await processor.StopAsync(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public async Task A_line_that_it_refuses_becomes_a_dead_letter_and_the_others_of_its_batch_are_stored()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1, withInflux: true);
        await pipeline.StartProcessorsAsync();
        var first = Computation(1, """{"x":1}""");
        await pipeline.Topic.PublishAsync([Record(first)]);
        await Until.TrueAsync("the field is known as a number", TimeSpan.FromSeconds(60), pipeline.Influx!.PointsAsync, points => points == 1);

        var rest = Enumerable.Range(2, 60).Select(i => Computation(i, i % 20 == 0 ? """{"x":true}""" : $$"""{"x":{{i}}}""")).ToList();
        await pipeline.Topic.PublishAsync(rest.Select(Record));
        await Until.TrueAsync("all but the refused points are stored", TimeSpan.FromSeconds(60), pipeline.Influx.PointsAsync, points => points == 58);
        await Until.TrueAsync("the refused points are dead letters", TimeSpan.FromSeconds(30), () => LettersAsync(pipeline), letters => letters.Count == 3);
        Assert.Equal([Letter(19, rest[18]), Letter(39, rest[38]), Letter(59, rest[58])], await LettersAsync(pipeline));
        // In PostgreSQL they are events like any other.
        await new Expected([first, .. rest], 61).AssertStoredAsync(pipeline);
    }

    static Task<List<(long, string)>> LettersAsync(PipelineUnderTest pipeline) => pipeline.Database.RowsAsync("""
        SELECT "offset", value FROM pipeline.dead_letters WHERE consumer = 'events-influx' AND reason = 'influx_refused' AND stage = 'sending' ORDER BY 1
        """, r => (r.GetInt64(0), Convert.ToHexString(r.GetFieldValue<byte[]>(1))));

    static (long, string) Letter(long offset, RawEvent e) => (offset, Convert.ToHexString(e.Bytes));

    static TopicRecord Record(RawEvent e) => new(e.Key, e.Bytes);

    static RawEvent Computation(int id, string contents) => RawEvent.Read(
        $$"""{"event_id":"00000000-0000-8000-8000-{{id:x12}}","event_type":"backend_computation","timestamp":"2024-05-01T00:00:00Z","user_id":"u","project_id":"p","data":{{contents}}}""");
}
