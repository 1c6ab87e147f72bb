using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>Ids are any text without control characters; they arrive as they were sent.</summary>
public sealed class StrangeIdTests
{
    static readonly string[] Ids =
    [
        "a;b", "50%", "%3B", "\"quoted\"", "it's", "a,b", "a=b", "a b", " lead and trail ", "#", "a\\b", "\\", "trailing\\", "trailing\\\\", "before\\,comma", "before\\ space",
        "$1", "{x}", "<b>", "é", "e\u0301", "😀", "日本", "null", "-1", "' OR 1=1 --", "a/b?c#d", "..", "\u2028", new('ß', 128),
    ];

    [Fact]
    public async Task Ids_with_every_special_character_arrive_intact_in_PostgreSQL_and_InfluxDB_and_can_be_asked_for()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(3, withInflux: true);
        await pipeline.StartProcessorsAsync();
        var ingest = await pipeline.StartIngestAsync();
        var events = Ids.Select((id, i) => RawEvent.Read(JsonSerializer.SerializeToUtf8Bytes(new
        {
            event_id = $"00000000-0000-8000-8000-{i + 1:x12}", event_type = "annotation", timestamp = "2024-05-01T00:00:00Z", user_id = id, project_id = id, tool = id,
            data = new { type = "create", annotationType = id, duration = 1000, success = true },
        }))).ToList();
        // Half of them by HTTP, so that key and header are written by the product too.
        using var content = new ByteArrayContent([.. "{\"batch_id\":\"a;b%\\\"c\",\"metadata\":{\"tool\":\"t;%\"},\"events\":["u8, .. events.Where((_, i) => i % 2 == 0).SelectMany((e, i) => i == 0 ? e.Bytes : [(byte)',', .. e.Bytes]), .. "]}"u8]);
        content.Headers.ContentType = new("application/json");
        using var answer = await PipelineUnderTest.Http.PostAsync(new Uri(ingest.Url, "api/v1/events/batch"), content);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        await pipeline.Topic.PublishAsync(events.Where((_, i) => i % 2 == 1).Select(e => new TopicRecord(e.Key, e.Bytes)));

        await new Expected(events, events.Count).AssertStoredAsync(pipeline);
        var rows = await pipeline.Database.RowsAsync("SELECT user_id, project_id, tool FROM rev_1.events ORDER BY event_id", r => (r.GetString(0), r.GetString(1), r.GetString(2)));
        Assert.Equal(Ids.Select(id => (id, id, id)), rows);
        foreach (var tag in (string[])["user_id", "project_id", "tool"])
            await Until.TrueAsync($"InfluxDB holds every {tag}", TimeSpan.FromSeconds(30), async () => Difference([.. Ids.Select(AsTag)], await pipeline.Influx!.CountsAsync(tag)), difference => difference.Length == 0);
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.dead_letters"));
        foreach (var id in Ids.Where(id => id != ".."))
        {
            using var json = JsonDocument.Parse(await PipelineUnderTest.Http.GetStringAsync(new Uri(ingest.Url, $"api/v1/events/stats/{Uri.EscapeDataString(id)}")));
            Assert.Equal(id, json.RootElement.GetProperty("user_id").GetString());
            Assert.Equal(1, json.RootElement.GetProperty("total_annotations").GetInt64());
            Assert.Equal(id, json.RootElement.GetProperty("projects")[0].GetProperty("project_id").GetString());
        }
    }

    static string Difference(HashSet<string> expected, Dictionary<string, long> stored) =>
        string.Join('\n', expected.Except(stored.Keys).Select(t => $"missing '{t}'").Concat(stored.Keys.Except(expected).Select(t => $"unexpected '{t}'")));

    /// <summary>Line protocol has no way to end a tag in a backslash: a space is put behind it, as documented.</summary>
    static string AsTag(string id) => id.EndsWith('\\') ? id + " " : id;
}
