using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>The whole trace, every event three times in shuffled batches, part of the copies respelled.</summary>
public sealed class WholeTraceTests
{
    const int Copies = 3, BatchEvents = 500, Clients = 4, UsersAsked = 25;

    [Fact]
    public async Task Published_to_the_topic_it_is_stored_exactly_once_and_equals_the_oracle()
    {
        var random = Seeds.Next();
        await using var pipeline = await PipelineUnderTest.CreateAsync(withInflux: true);
        await pipeline.StartProcessorsAsync();
        var events = RealEvents.Whole;
        await pipeline.Topic.PublishAsync(Load.Records(events, Copies, pipeline.Topic.Partitions, random));
        await new Expected(events, (long)events.Count * Copies).AssertStoredAsync(pipeline);
        await AssertPointsAsync(pipeline, Points.Of(events));
        var ingest = await pipeline.StartIngestAsync();
        await AssertStatisticsAsync(ingest, events, random);
    }

    [Fact]
    public async Task Sent_by_HTTP_it_is_stored_exactly_once_and_equals_the_oracle()
    {
        var random = Seeds.Next();
        await using var pipeline = await PipelineUnderTest.CreateAsync(withInflux: true);
        await pipeline.StartProcessorsAsync();
        var ingest = await pipeline.StartIngestAsync();
        var events = RealEvents.Whole;
        var unnamed = EventsWithoutId();
        var batches = Load.Copies(events, Copies, random).Chunk(BatchEvents).Select((e, i) => Envelope($"whole-{i}", e)).ToList();
        for (var i = 0; i < Copies; i++)
            batches.Insert(random.Next(batches.Count), Envelope("without-ids", [.. unnamed.Select(e => e.Bytes)]));
        await Parallel.ForEachAsync(batches, new ParallelOptions { MaxDegreeOfParallelism = Clients }, async (body, stop) => await PostAsync(ingest, body, stop));

        List<RawEvent> all = [.. events, .. unnamed];
        await new Expected(all, (long)all.Count * Copies).AssertStoredAsync(pipeline);
        // The ids that the product derives differ in their nanoseconds only by chance, the unnamed events' own times by design.
        await AssertPointsAsync(pipeline, Points.Of(events) + unnamed.Count);
        await AssertStatisticsAsync(ingest, all, random);
    }

    /// <summary>What a client without ids sends: known by their batch and position, so that a batch sent again is stored once.</summary>
    static List<RawEvent> EventsWithoutId() => [.. Enumerable.Range(0, 100).Select(i => RawEvent.Read(
        $$$"""{"event_type":"annotation","timestamp":"2024-03-01T10:{{{i / 60:00}}}:{{{i % 60:00}}}.5Z","user_id":"without-id-{{{i % 3}}}","project_id":"p","data":{"type":"create","annotationType":"box","duration":{{{i}}}.0625,"success":true}}"""))];

    static byte[] Envelope(string batchId, byte[][] events)
    {
        using var body = new MemoryStream();
        body.Write(Encoding.UTF8.GetBytes($$"""{"batch_id":"{{batchId}}","events":["""));
        for (var i = 0; i < events.Length; i++)
        {
            if (i > 0)
                body.WriteByte((byte)',');
            body.Write(events[i]);
        }
        body.Write("]}"u8);
        return body.ToArray();
    }

    static async Task PostAsync(HostProcess ingest, byte[] body, CancellationToken stop)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new("application/json");
        using var answer = await PipelineUnderTest.Http.PostAsync(new Uri(ingest.Url, "api/v1/events/batch"), content, stop);
        var text = await answer.Content.ReadAsStringAsync(stop);
        Assert.True(answer.IsSuccessStatusCode, text);
        using var json = JsonDocument.Parse(text);
        Assert.Equal("success", json.RootElement.GetProperty("status").GetString());
    }

    static Task AssertPointsAsync(PipelineUnderTest pipeline, int expected) =>
        Until.TrueAsync($"InfluxDB holds {expected} points", TimeSpan.FromSeconds(120), pipeline.Influx!.PointsAsync, points => points == expected);

    static async Task AssertStatisticsAsync(HostProcess ingest, IReadOnlyList<RawEvent> events, Random random)
    {
        var users = events.GroupBy(e => e.UserId).ToArray();
        random.Shuffle(users);
        foreach (var user in users.Take(UsersAsked))
        {
            var answer = await PipelineUnderTest.Http.GetFromJsonAsync<JsonElement>(new Uri(ingest.Url, $"api/v1/events/stats/{Uri.EscapeDataString(user.Key)}"));
            Assert.True(answer.GetProperty("known").GetBoolean());
            AssertFigures(user, answer);
            var projects = user.GroupBy(e => e.ProjectId).OrderBy(p => p.Key, StringComparer.Ordinal).ToList();
            Assert.Equal(projects.Count, answer.GetProperty("projects_count").GetInt32());
            foreach (var (project, told) in projects.Zip(answer.GetProperty("projects").EnumerateArray()))
            {
                Assert.Equal(project.Key, told.GetProperty("project_id").GetString());
                AssertFigures(project, told);
                Assert.Equal(project.Max(e => e.Timestamp), told.GetProperty("last_activity").GetDateTime());
            }
        }
    }

    static void AssertFigures(IEnumerable<RawEvent> events, JsonElement told)
    {
        var sums = ActivitySums.Over(events);
        Assert.Equal(sums.Events, told.GetProperty("total_annotations").GetInt64());
        Assert.Equal(sums.DurationUs / 1000.0, told.GetProperty("total_time").GetDouble(), 3);
        Assert.Equal(sums.Durations == 0 ? 0 : sums.DurationUs / 1000.0 / sums.Durations, told.GetProperty("avg_annotation_time").GetDouble(), 3);
    }
}
