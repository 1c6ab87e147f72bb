using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>SIGTERM under load: the host ends in order, within its budget, and the next one goes on.</summary>
public sealed class GracefulStopTests
{
    /// <summary>Both hosts' default budget is 15 s; without anything that hangs the end comes much sooner.</summary>
    static readonly TimeSpan Budget = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Processors_release_their_partitions_and_the_next_ones_go_on_at_once()
    {
        const int copies = 2;
        var random = Seeds.Next();
        await using var pipeline = await PipelineUnderTest.CreateAsync();
        var events = RealEvents.Sample(12_000);
        var loading = pipeline.Topic.PublishOverAsync(Load.Records(events, copies, pipeline.Topic.Partitions, random), TimeSpan.FromSeconds(12));
        for (var i = 0; i < 3; i++)
        {
            var before = await pipeline.PassedAsync();
            var processor = await pipeline.StartProcessorsAsync(("Pipeline__Processors__BatchEventsMax", "200"));
            await pipeline.PassedAtLeastAsync(before + random.Next(1, 500));
            Assert.Equal(0, await processor.StopAsync(Budget));
            Assert.Null(processor.Find("was not released in order"));
            Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.offsets WHERE owner IS NOT NULL OR tries > 0"));
        }
        await pipeline.StartProcessorsAsync();
        await loading;
        await new Expected(events, (long)events.Count * copies).AssertStoredAsync(pipeline);
    }

    [Fact]
    public async Task Ingest_answers_what_it_has_taken_and_nothing_accepted_is_missing()
    {
        const int batchEvents = 50;
        await using var pipeline = await PipelineUnderTest.CreateAsync(4);
        await pipeline.StartProcessorsAsync();
        var events = RealEvents.Sample(10_000);
        var batches = new ConcurrentQueue<(int Number, byte[] Body)>(events.Chunk(batchEvents).Select((e, i) => (i, Body(i, e))));
        var first = await pipeline.StartIngestAsync();
        ConcurrentBag<int> accepted = [], open = [];
        var sending = Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (batches.TryDequeue(out var batch))
                (await TryPostAsync(first, batch.Body) ? accepted : open).Add(batch.Number);
        })));
        await Until.TrueAsync("some batches were accepted", TimeSpan.FromSeconds(30), () => accepted.Count > 20);
        Assert.Equal(0, await first.StopAsync(Budget));
        await sending;
        Seeds.Say($"{accepted.Count} batches accepted, {open.Count} not, when Ingest had stopped");

        await pipeline.StoredToTheEndAsync();
        var stored = (await pipeline.Database.RowsAsync("SELECT event_id FROM rev_1.events", r => r.GetGuid(0))).ToHashSet();
        Assert.All(accepted.SelectMany(i => events.Skip(i * batchEvents).Take(batchEvents)), e => Assert.Contains(Guid.Parse(e.Id!), stored));

        // A client sends again what was not answered; what had come through after all is recognised.
        var second = await pipeline.StartIngestAsync();
        foreach (var number in open)
            Assert.True(await TryPostAsync(second, Body(number, [.. events.Skip(number * batchEvents).Take(batchEvents)])));
        await pipeline.StoredToTheEndAsync();
        var records = (await pipeline.Topic.EndsAsync()).Values.Sum();
        await new Expected(events, records).AssertStoredAsync(pipeline);
    }

    static byte[] Body(int number, RawEvent[] events) =>
        Encoding.UTF8.GetBytes($$"""{"batch_id":"stop-{{number}}","events":[{{string.Join(',', events.Select(e => Encoding.UTF8.GetString(e.Bytes)))}}]}""");

    static async Task<bool> TryPostAsync(HostProcess ingest, byte[] body)
    {
        try
        {
            using var content = new ByteArrayContent(body);
            content.Headers.ContentType = new("application/json");
            using var answer = await PipelineUnderTest.Http.PostAsync(new Uri(ingest.Url, "api/v1/events/batch"), content);
            if (!answer.IsSuccessStatusCode)
                return false;
            using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
            return json.RootElement.GetProperty("status").GetString() == "success";
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
