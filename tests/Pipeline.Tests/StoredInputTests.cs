using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>Analyses of stored events: what the statistics say of them is what an algorithm is given.</summary>
public sealed class StoredInputTests
{
    static CancellationToken Stop => TestContext.Current.CancellationToken;

    static async Task<(HttpStatusCode Status, JsonElement Body)> AnalyzeAsync(Uri api, string algorithm, string events, string parameters = "{}")
    {
        using var answer = await PipelineUnderTest.Http.PostAsync(new Uri(api, "api/v1/analyze"),
            new StringContent($$$"""{"algorithm":"{{{algorithm}}}","parameters":{{{parameters}}},"input":{"events":{{{events}}}}}""", Encoding.UTF8, "application/json"), Stop);
        return (answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(Stop));
    }

    static Task<JsonElement> GetAsync(Uri api, string path) => PipelineUnderTest.Http.GetFromJsonAsync<JsonElement>(new Uri(api, path), Stop);

    [Fact]
    public async Task Series_durations_and_features_are_those_of_the_statistics()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(4);
        var engine = await pipeline.StartProcessorsAsync(("Pipeline__Processors__Roles", "events-postgres,engine"), ("Pipeline__Analysis__Python", "off"));
        await pipeline.Topic.PublishAsync(RealEvents.Sample(4000).Select(e => new TopicRecord(e.Key, e.Bytes)));
        await pipeline.StoredToTheEndAsync();
        var api = (await pipeline.StartIngestAsync(("Pipeline__Analysis__Engines__0", engine.Url.ToString()))).Url;
        var (project, days, from, to) = (await pipeline.Database.RowsAsync("""
            SELECT project_id, count(DISTINCT date_trunc('day', bucket AT TIME ZONE 'UTC'))::int, date_trunc('day', min(bucket), 'UTC'), date_trunc('day', max(bucket), 'UTC') + interval '1 day'
            FROM pipeline.activity GROUP BY 1 ORDER BY sum(events) DESC LIMIT 1
            """, r => (r.GetString(0), r.GetInt32(1), r.GetDateTime(2), r.GetDateTime(3)))).Single();
        var window = $"\"project_id\":{JsonSerializer.Serialize(project)},\"from\":\"{from:yyyy-MM-dd'T'HH:mm:ss'Z'}\",\"to\":\"{to:yyyy-MM-dd'T'HH:mm:ss'Z'}\"";
        var statistics = await GetAsync(api, $"api/v1/stats/projects/{Uri.EscapeDataString(project)}?from={from:yyyy-MM-dd'T'HH:mm:ss'Z'}&to={to:yyyy-MM-dd'T'HH:mm:ss'Z'}");

        var (status, sum) = await AnalyzeAsync(api, "sum", $$"""{"metric":"total_annotations","bucket":"day",{{window}}}""");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(statistics.GetProperty("total_annotations").GetDouble(), sum.GetProperty("result").GetProperty("value").GetDouble());
        var rows = sum.GetProperty("metadata").GetProperty("rows").EnumerateArray().Select(r => r.GetString()).ToList();
        Assert.Equal(((to - from).TotalDays, $"{from:yyyy-MM-dd'T'HH:mm:ss'Z'}"), (rows.Count, rows[0]));
        Seeds.Say($"{rows.Count} days, {days} of them with events");

        var durations = (await AnalyzeAsync(api, "sum", $$"""{"metric":"durations",{{window}}}""")).Body.GetProperty("result");
        var raw = (await pipeline.Database.RowsAsync("SELECT count(*)::int, sum((convert_from(value, 'UTF8')::json -> 'data' ->> 'duration')::float8) FROM pipeline.events WHERE event_type = 1 AND project_id = $1", r => (r.GetInt32(0), r.GetDouble(1)), project)).Single();
        Assert.Equal(raw.Item1, durations.GetProperty("n").GetInt32());
        Assert.Equal(raw.Item2, durations.GetProperty("value").GetDouble(), raw.Item2 * 1e-12);

        var features = await AnalyzeAsync(api, "correlation", $$"""{"metric":"user_features",{{window}}}""", """{"nan":"propagate"}""");
        var users = await pipeline.Database.ValueAsync<long>("SELECT count(DISTINCT user_id) FROM pipeline.activity WHERE project_id = $1", project);
        Seeds.Say($"{users} users: {features.Body.GetRawText()[..Math.Min(300, features.Body.GetRawText().Length)]}");
        if (users >= 2)
        {
            Assert.Equal((HttpStatusCode.OK, users), (features.Status, features.Body.GetProperty("metadata").GetProperty("users").GetArrayLength()));
            Assert.Equal(8, features.Body.GetProperty("result").GetProperty("matrix").GetArrayLength());
        }
        else
            Assert.Equal("too_few_values", features.Body.GetProperty("error").GetProperty("code").GetString());

        // Twenty times each: what is wrong with requests says nothing of the store, whose breaker stays closed.
        for (var i = 0; i < 20; i++)
            foreach (var (events, path, text) in ((string, string, string)[])
                [
                    ("""{"metric":"total_annotation","project_id":"p"}""", "/input/events/metric", "total_annotations"),
                    ("""{"metric":"items"}""", "/input/events/project_id", "required"),
                    ("""{"metric":"user_features","user_id":"u"}""", "/input/events/project_id", "required"),
                    ("""{"metric":"items","project_id":"p","bucket":"month"}""", "/input/events/bucket", "hour, day or week"),
                    ("""{"metric":"durations","project_id":"p","bucket":"day"}""", "/input/events/bucket", "no bucket"),
                    ("""{"metric":"items","project_id":"p","bucket":"hour","from":"2000-01-01T00:00:00Z","to":"2024-01-01T00:00:00Z"}""", "/input/events", "10000"),
                ])
            {
                var (refused, body) = await AnalyzeAsync(api, "sum", events);
                Assert.InRange((int)refused, 400, 422);
                Assert.Equal(path, body.GetProperty("error").GetProperty("path").GetString());
                Assert.Contains(text, body.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
            }
        // A project that nobody knows has a series of zeros, as its statistics have.
        Assert.Equal(0, (await AnalyzeAsync(api, "sum", """{"metric":"events","project_id":"nobody's","from":"2024-01-01T00:00:00Z","to":"2024-01-08T00:00:00Z"}""")).Body.GetProperty("result").GetProperty("value").GetDouble());
    }

    /// <summary>More of them than a pool has connections, so that what stood behind them would be refused after five seconds.</summary>
    [Fact]
    public async Task Questions_that_the_store_is_slow_to_answer_hold_up_no_request_and_no_health()
    {
        const int Questions = 40;
        await using var queues = RabbitQueues.Create(road: "analysis");
        await using var pipeline = await (await PipelineUnderTest.CreateAsync(1)).WithAnalysisAsync(1);
        var engine = await pipeline.StartProcessorsAsync([.. queues.Settings, ("Pipeline__Processors__Roles", "engine,analysis,results-postgres,failures"), ("Pipeline__Analysis__Python", "off")]);
        var ingest = await pipeline.StartIngestAsync(("Pipeline__Analysis__Engines__0", engine.Url.ToString()));
        var slow = await pipeline.Database.LockAsync("pipeline.activity");
        var statistics = Enumerable.Range(0, Questions).Select(_ => PipelineUnderTest.Http.GetAsync(new Uri(ingest.Url, "api/v1/stats/projects/p"), Stop)).ToList();
        var inputs = Enumerable.Range(0, Questions).Select(_ => AnalyzeAsync(ingest.Url, "sum", """{"metric":"events","project_id":"p"}""")).ToList();
        await Until.TrueAsync("both kinds stand before the lock", TimeSpan.FromSeconds(30), async () => await pipeline.Database.ValueAsync<long>("""
            SELECT count(DISTINCT application_name) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
            """) == 2);

        // Long enough for whoever stands behind them to give up.
        for (var i = 0; i < 8; i++)
        {
            using var accepted = await PipelineUnderTest.Http.PostAsync(new Uri(ingest.Url, "api/v1/compute"),
                new StringContent($$$"""{"request_id":"{{{i}}}","algorithm":"sum","input":{"values":[1,1]}}""", Encoding.UTF8, "application/json"), Stop);
            Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
            Assert.Equal("completed", (await GetAsync(ingest.Url, $"api/v1/task/{i}?wait=20")).GetProperty("status").GetString());
            foreach (var host in (Uri[])[ingest.Url, engine.Url])
                Assert.True((await GetAsync(host, "health")).GetProperty("dependencies").GetProperty("postgres").GetProperty("healthy").GetBoolean());
            await Task.Delay(TimeSpan.FromSeconds(1), Stop);
        }
        Assert.DoesNotContain(inputs, i => i.IsCompleted);

        await slow.DisposeAsync();
        Assert.All(await Task.WhenAll(inputs), i => Assert.Equal(HttpStatusCode.OK, i.Status));
        // Those that found no place in time are told so; they are asked again.
        Assert.All(await Task.WhenAll(statistics), s => Assert.Contains(s.StatusCode, (HttpStatusCode[])[HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable]));
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.dead_letters"));
    }
}
