using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>A user asks to be forgotten while their events go on arriving and processors are killed.</summary>
public sealed class ErasureTests
{
    const string User = "é \"quoted\\\" '; DROP TABLE control.erasures;--", Other = "other";

    static readonly TimeSpan Within = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task An_erased_user_is_in_no_store_whatever_still_arrives_and_whoever_dies_and_counts_from_zero_when_they_return()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(3, withInflux: true);
        (string, string)[] quick = [("Pipeline__Influx__Timeout", "00:00:02")];
        var processors = await pipeline.StartProcessorsAsync(quick);
        var ingest = await pipeline.StartIngestAsync(("Pipeline__Ingest__Operations", "true"));
        for (var batch = 0; batch < 20; batch++)
            await SendAsync(ingest, $"before-{batch}", batch);
        // A dead letter of theirs, and one of somebody else.
        await pipeline.Topic.PublishAsync([Invalid(User), Invalid(Other)]);
        await pipeline.StoredToTheEndAsync();
        await Until.TrueAsync("InfluxDB has their points", Within, pipeline.Influx!.PointsAsync, points => points == 2 * 20 * 50);

        // Accepted before the wish and stored after it, by another process: the first one is killed.
        processors.Signal(HostProcess.SigKill);
        for (var batch = 20; batch < 30; batch++)
            await SendAsync(ingest, $"before-{batch}", batch);
        var erasure = await EraseAsync(ingest, User);
        Assert.Equal("pending", erasure.GetProperty("status").GetString());
        var second = await pipeline.StartProcessorsAsync(quick);
        await pipeline.PassedAtLeastAsync(2 * 21 * 50, Within);
        second.Signal(HostProcess.SigKill);
        await pipeline.StartProcessorsAsync(quick);
        var receipt = await DoneAsync(ingest, erasure);

        var stores = receipt.GetProperty("stores").EnumerateArray().ToDictionary(s => s.GetProperty("store").GetString()!, s => s.GetProperty("deleted"));
        Assert.Equal(["influxdb", "postgres"], stores.Keys.Order());
        Assert.True(stores["postgres"].GetProperty("events").GetInt64() > 0);
        Assert.Equal(1, stores["postgres"].GetProperty("dead_letters").GetInt64());
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM control.erasures WHERE user_id IS NOT NULL"));
        await AssertExpiriesAsync(pipeline, receipt);

        // A client that sends everything once more.
        for (var batch = 0; batch < 30; batch++)
            await SendAsync(ingest, $"before-{batch}", batch);
        await pipeline.StoredToTheEndAsync();
        await AssertForgottenAsync(pipeline, ingest);

        // They return.
        await SendAsync(ingest, "after", 99);
        await pipeline.StoredToTheEndAsync();
        Assert.Equal(50, (await StatisticsAsync(ingest, User)).GetProperty("events").GetInt64());
        await Until.TrueAsync("InfluxDB has the points since", Within, async () => (await pipeline.Influx!.CountsAsync("user_id")).Values.Order().ToList(), counts => counts.SequenceEqual([50, 31 * 50]));
        await pipeline.Watch.AssertAlwaysZeroAsync();
    }

    /// <summary>As the broker says, and by hand: the topic is the server's own kind.</summary>
    static async Task AssertExpiriesAsync(PipelineUnderTest pipeline, JsonElement receipt)
    {
        // Those of requests and their results are named where the broker has them.
        var stores = receipt.GetProperty("by_age").EnumerateArray().ToLookup(e => e.GetProperty("store").GetString());
        var (kafka, rabbit) = (Assert.Single(stores["kafka"], e => e.GetProperty("name").GetString() == pipeline.Topic.Name), Assert.Single(stores["rabbitmq"]));
        // These processors were given none.
        Assert.Equal((JsonValueKind.Null, true), (rabbit.GetProperty("expires_by").ValueKind, rabbit.GetProperty("note").GetString()!.StartsWith("not known", StringComparison.Ordinal)));
        if (TestServers.IsEmbedded)
            return;
        var kept = TimeSpan.FromMilliseconds(await pipeline.Topic.SettingMsAsync("retention.ms") + await pipeline.Topic.SettingMsAsync("segment.ms") + await pipeline.Topic.SettingMsAsync("file.delete.delay.ms"));
        Assert.True(kept > TimeSpan.Zero);
        Assert.Equal(receipt.GetProperty("requested_at").GetDateTime() + kept, kafka.GetProperty("expires_by").GetDateTime(), TimeSpan.FromMilliseconds(1));
    }

    static async Task AssertForgottenAsync(PipelineUnderTest pipeline, HostProcess ingest)
    {
        foreach (var table in (string[])["events", "activity", "members", "dead_letters"])
            Assert.Equal((table, 0), (table, await pipeline.Database.ValueAsync<long>(table == "dead_letters"
                ? "SELECT count(*) FROM pipeline.dead_letters WHERE position('quoted'::bytea IN value) > 0" : $"SELECT count(*) FROM rev_1.{table} WHERE user_id LIKE '%quoted%'")));
        Assert.Equal(1, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.dead_letters"));
        Assert.False((await StatisticsAsync(ingest, User)).GetProperty("known").GetBoolean());
        Assert.Equal(30 * 50, (await StatisticsAsync(ingest, Other)).GetProperty("events").GetInt64());
        await Until.TrueAsync("InfluxDB has the other's points alone", Within, () => pipeline.Influx!.CountsAsync("user_id"), counts => counts.Count == 1 && counts.GetValueOrDefault(Other) == 30 * 50);
    }

    [Fact]
    public async Task A_range_that_is_none_and_a_receipt_that_nobody_was_given_are_refused()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var ingest = await pipeline.StartIngestAsync(("Pipeline__Ingest__Operations", "true"));
        // Ingest is ready without a store.
        await Until.TrueAsync("the schema is there", Within, pipeline.Database.HasSchemaAsync);
        foreach (var (query, code) in ((string, string)[])[("?from=2024-01-01T00:07:00Z", "unaligned_time"), ("?from=2024-01-02T00:00:00Z&to=2024-01-01T00:00:00Z", "empty_window"), ("?to=x", "invalid_time"),
            // Misspelt and passed over, it would erase all of them.
            ("?form=2024-01-01T00:00:00Z", "invalid_parameter")])
        {
            using var answer = await PipelineUnderTest.Http.DeleteAsync(new Uri(ingest.Url, $"api/v1/events/events/u{query}"));
            using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
            Assert.Equal((400, code), ((int)answer.StatusCode, problem.RootElement.GetProperty("code").GetString()));
        }
        using var unknown = await PipelineUnderTest.Http.GetAsync(new Uri(ingest.Url, $"api/v1/erasures/{Guid.NewGuid()}"));
        Assert.Equal(404, (int)unknown.StatusCode);
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM control.tombstones"));
    }

    static TopicRecord Invalid(string user) =>
        new(Encoding.UTF8.GetBytes(user), JsonSerializer.SerializeToUtf8Bytes(new { event_type = "annotation", timestamp = "2024-05-01T00:00:00Z", user_id = user, project_id = "p", data = new { } }));

    /// <summary>Fifty events of each user, the same for the same batch.</summary>
    static async Task SendAsync(HostProcess ingest, string id, int batch)
    {
        var events = from user in (string[])[User, Other]
                     from i in Enumerable.Range(0, 50)
                     select new
                     {
                         event_type = "annotation",
                         timestamp = new DateTime(2024, 5, 1, 0, 0, 0, DateTimeKind.Utc).AddMinutes(batch).AddSeconds(i),
                         user_id = user,
                         project_id = "p",
                         data = new { type = i % 5 == 0 ? "update" : "create", annotationType = "box", duration = 1000, success = true, objectId = $"{batch}-{i / 2}" },
                     };
        using var answer = await PipelineUnderTest.Http.PostAsJsonAsync(new Uri(ingest.Url, "api/v1/events/batch"), new { batch_id = id, events });
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        Assert.Equal("success", json.RootElement.GetProperty("status").GetString());
    }

    static async Task<JsonElement> EraseAsync(HostProcess ingest, string user)
    {
        using var answer = await PipelineUnderTest.Http.DeleteAsync(new Uri(ingest.Url, $"api/v1/events/events/{Uri.EscapeDataString(user)}"));
        Assert.Equal(202, (int)answer.StatusCode);
        var receipt = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal($"/api/v1/erasures/{receipt.GetProperty("erasure_id").GetString()}", answer.Headers.Location?.ToString());
        return receipt;
    }

    static async Task<JsonElement> DoneAsync(HostProcess ingest, JsonElement erasure)
    {
        var receipt = erasure;
        await Until.TrueAsync("every store is done", Within, async () =>
        {
            receipt = await PipelineUnderTest.Http.GetFromJsonAsync<JsonElement>(new Uri(ingest.Url, $"api/v1/erasures/{erasure.GetProperty("erasure_id").GetString()}"));
            return receipt.GetRawText();
        }, _ => receipt.GetProperty("status").GetString() == "done");
        return receipt;
    }

    static Task<JsonElement> StatisticsAsync(HostProcess ingest, string user) =>
        PipelineUnderTest.Http.GetFromJsonAsync<JsonElement>(new Uri(ingest.Url, $"api/v1/events/stats/{Uri.EscapeDataString(user)}"));
}
