using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>Ids that are injections into SQL, Flux, InfluxQL and the predicate of a delete, from the batch to the answers and to the erasure: each is nothing but a text.</summary>
public sealed class HostileIdTests
{
    static readonly string[] Ids =
    [
        "\"; drop", "' OR 1=1 --", "'; DROP TABLE control.erasures;--", "\" OR \"\"=\"", "x\" OR user_id!=\"", "\") |> drop() //", "x\" or true or r.project_id == \"", "${user}", "#{x}", "$1", "$user_id", "{0}", "%s", "%", "_",
        "\\", "a\\", "\\\"", "\\'", "a\\nb", "'", "''", "\"", "/.*/", "*", "null", "true", "1", "é漢😀", "e\u0301", "\u2028", "a/b?c#d&e=f", "a+b", "50%25", "..%2F", " u ", new('\'', 128), new('"', 128), new('ß', 128),
    ];

    static readonly TimeSpan Within = TimeSpan.FromSeconds(120);
    const string Window = "from=2024-05-01T00:00:00Z&to=2024-05-02T00:00:00Z";

    [Fact]
    public async Task Hostile_ids_are_answered_for_themselves_alone_and_half_of_them_erased_the_other_half_stays()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(3, withInflux: true);
        await pipeline.StartProcessorsAsync(("Pipeline__Influx__Timeout", "00:00:02"));
        var ingest = await pipeline.StartIngestAsync(("Pipeline__Ingest__Operations", "true"));
        using var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(new { batch_id = "hostile", events = Ids.SelectMany(EventsOf) }));
        content.Headers.ContentType = new("application/json");
        using (var answer = await PipelineUnderTest.Http.PostAsync(new Uri(ingest.Url, "api/v1/events/batch"), content))
            Assert.Contains("\"success\"", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await pipeline.StoredToTheEndAsync();
        await Until.TrueAsync("InfluxDB has the points", Within, pipeline.Influx!.PointsAsync, n => n == Ids.Length * 2);
        for (var i = 0; i < Ids.Length; i++)
            await AssertAnsweredAsync(ingest, i, erased: false);

        var erased = Enumerable.Range(0, Ids.Length).Where(i => i % 2 == 0).ToHashSet();
        var receipts = new List<string>();
        foreach (var i in erased)
            using (var answer = await PipelineUnderTest.Http.DeleteAsync(new Uri(ingest.Url, $"api/v1/events/events/{Uri.EscapeDataString(Ids[i])}")))
                receipts.Add(JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("erasure_id").GetString()!);
        foreach (var receipt in receipts)
            await Until.TrueAsync("the erasure is done", Within, () => AskAsync(ingest, $"erasures/{receipt}"), json => json.GetProperty("status").GetString() == "done");
        for (var i = 0; i < Ids.Length; i++)
            await AssertAnsweredAsync(ingest, i, erased.Contains(i));
        Assert.Equal(2 * (Ids.Length - erased.Count), await pipeline.Influx!.PointsAsync());
        Assert.Equal(2 * (Ids.Length - erased.Count), await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.events"));
        await pipeline.Watch.AssertAlwaysZeroAsync();
    }

    /// <summary>An annotation and a measurement, whose value tells whose it is. Everything that can be a text of the sender's is the id.</summary>
    static object[] EventsOf(string id, int i) =>
    [
        new { event_type = "annotation", timestamp = "2024-05-01T12:00:00Z", user_id = id, project_id = id, tool = id, data = new { type = "create", annotationType = id, duration = i + 1, success = true, objectId = id } },
        new { event_type = "performance", timestamp = "2024-05-01T12:00:00Z", user_id = id, project_id = id, tool = id, data = new { fps = i + 1 } },
    ];

    static async Task AssertAnsweredAsync(HostProcess ingest, int i, bool erased)
    {
        var (id, n) = (Uri.EscapeDataString(Ids[i]), erased ? 0 : 1);
        var filters = $"tool={id}&annotation_type={id}";
        foreach (var call in (string[])[$"events/stats/{id}", $"events/stats/{id}?project_id={id}&{filters}", $"stats/projects/{id}", $"stats/projects/{id}?{filters}&{Window}"])
        {
            var figures = await AskAsync(ingest, call);
            Assert.Equal((Ids[i], call, n, erased ? 0 : i + 1), (Ids[i], call, figures.GetProperty("total_annotations").GetInt64(), figures.GetProperty("total_time").GetDouble()));
        }
        var members = (await AskAsync(ingest, $"stats/projects/{id}/users")).GetProperty("users");
        Assert.Equal(erased ? [] : [Ids[i]], members.EnumerateArray().Select(u => u.GetProperty("user_id").GetString()!));
        var export = await AskAsync(ingest, $"stats/export?format=json&user_id={id}&project_id={id}");
        Assert.Equal((Ids[i], n), (Ids[i], export.GetArrayLength()));
        Assert.Equal(n == 1, (await AskAsync(ingest, $"events/analysis/comparison/{id}")).GetProperty("known").GetBoolean());
        foreach (var filter in (string[])["", $"&user_id={id}", $"&tool={id}"])
        {
            var fps = (await AskAsync(ingest, $"events/performance/{id}?{Window}{filter}")).GetProperty("metrics").GetProperty("fps");
            Assert.Equal($"{Ids[i]}: {(erased ? "" : i + 1)}", $"{Ids[i]}: {string.Join(", ", fps.EnumerateArray().Select(p => p.GetProperty("value").GetInt64()))}");
        }
    }

    static async Task<JsonElement> AskAsync(HostProcess ingest, string path)
    {
        using var answer = await PipelineUnderTest.Http.GetAsync(new Uri(ingest.Url, "api/v1/" + path));
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {text}");
        return JsonDocument.Parse(text).RootElement;
    }
}
