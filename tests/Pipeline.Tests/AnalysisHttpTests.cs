using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>Analyses from the client's body over Ingest to an engine and back, with engines that die.</summary>
public sealed class AnalysisHttpTests
{
    static readonly (string, string) Engine = ("Pipeline__Processors__Roles", "engine");

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    static async Task<(HttpStatusCode Status, JsonElement Body)> PostAsync(Uri api, string json, string path = "api/v1/analyze")
    {
        using var answer = await PipelineUnderTest.Http.PostAsync(new Uri(api, path), new StringContent(json, Encoding.UTF8, "application/json"), Stop);
        return (answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(Stop));
    }

    [Fact]
    public async Task A_request_is_answered_and_what_is_wrong_with_it_is_told()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var engine = await pipeline.StartProcessorsAsync(Engine, ("Pipeline__Analysis__Python", "off"));
        var api = (await pipeline.StartIngestAsync(("Pipeline__Analysis__Engines__0", engine.Url.ToString()))).Url;

        var (status, mean) = await PostAsync(api, """{"request_id":"r1","algorithm":"mean","input":{"values":[1,2,3]},"options":{"include_metadata":true}}""");
        Assert.Equal((HttpStatusCode.OK, "r1", "completed", 2.0), (status, mean.GetProperty("request_id").GetString(), mean.GetProperty("status").GetString(), mean.GetProperty("result").GetProperty("value").GetDouble()));
        Assert.Equal(("native", 3), (mean.GetProperty("metadata").GetProperty("engine").GetString(), mean.GetProperty("metadata").GetProperty("n").GetInt32()));

        var algorithms = (await PipelineUnderTest.Http.GetFromJsonAsync<JsonElement>(new Uri(api, "api/v1/algorithms"), Stop)).GetProperty("algorithms").EnumerateArray().ToList();
        Assert.Contains(algorithms, a => a.GetProperty("name").GetString() == "rolling" && a.GetProperty("parameters").GetProperty("required")[0].GetString() == "window");

        Assert.Contains(algorithms, a => a.GetProperty("name").GetString() == "autocorrelation" && a.GetProperty("source").GetString() == "Box and Jenkins 1970" && a.GetProperty("complexity").GetString() == "O(n · lags)");

        var (batchStatus, batch) = await PostAsync(api, """
            {"requests":[{"algorithm":"sum","input":{"values":[1,2]}},{"algorithm":"summ","input":{"values":[1]}},{"nonsense":1},{"request_id":"last","algorithm":"max","input":{"values":[7]}}]}
            """, "api/v1/analyze/batch");
        var results = batch.GetProperty("results").EnumerateArray().ToList();
        Assert.Equal((HttpStatusCode.OK, 4, "last"), (batchStatus, results.Count, results[3].GetProperty("request_id").GetString()));
        Assert.Equal(["completed", "abandoned", "abandoned", "completed"], results.Select(r => r.GetProperty("status").GetString()));
        Assert.Equal(["unknown_algorithm", "invalid_request"], results.Skip(1).Take(2).Select(r => r.GetProperty("error").GetProperty("code").GetString()));

        foreach (var (request, expected, code) in ((string, int, string)[])
            [
                ("""{"algorithm":"mean","input":{"values":[]}}""", 422, "too_few_values"),
                ("""{"algorithm":"kmean","input":{"values":[1]}}""", 404, "unknown_algorithm"),
                ("""{"algorithm":"mean","input":""", 400, "malformed_request"),
                ("""{"algorithm":"std","parameters":{"ddof":"x"},"input":{"values":[1]}}""", 422, "invalid_parameters"),
            ])
        {
            var (refused, body) = await PostAsync(api, request);
            Assert.Equal((expected, code, code), ((int)refused, body.GetProperty("error").GetProperty("code").GetString(), body.GetProperty("code").GetString()));
            Assert.Equal((expected, body.GetProperty("error").GetProperty("message").GetString(), $"urn:pipeline:problem:{code}"), (body.GetProperty("status").GetInt32(), body.GetProperty("detail").GetString(), body.GetProperty("type").GetString()));
        }
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await PostAsync(api, $$$"""{"algorithm":"{{{new string('x', 17 * 1024 * 1024)}}}"}""")).Status);
    }

    [Fact]
    public async Task Python_answers_too()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var engine = await pipeline.StartProcessorsAsync(Engine);
        var api = (await pipeline.StartIngestAsync(("Pipeline__Analysis__Engines__0", engine.Url.ToString()))).Url;
        var health = await Until.TrueAsync("Python has started", TimeSpan.FromSeconds(60), async () =>
            await PipelineUnderTest.Http.GetFromJsonAsync<JsonElement>(new Uri(engine.Url, "analysis/workers"), Stop), a => a.GetProperty("python").GetProperty("status").GetString() != "starting");
        if (health.GetProperty("python").GetProperty("status").GetString() == "unavailable")
            Assert.Skip(health.GetProperty("python").GetProperty("reason").GetString()!);
        var kmeans = await Until.TrueAsync("kmeans is found", TimeSpan.FromSeconds(60), () => PostAsync(api, """{"algorithm":"kmeans","parameters":{"k":2},"input":{"values":[1,2,10,11]}}"""), a => a.Status != HttpStatusCode.ServiceUnavailable);
        Assert.Equal(HttpStatusCode.OK, kmeans.Status);
        var labels = kmeans.Body.GetProperty("result").GetProperty("labels").EnumerateArray().Select(l => l.GetInt32()).ToList();
        Assert.True(labels[0] == labels[1] && labels[2] == labels[3] && labels[0] != labels[2]);
        Assert.Equal(422, (int)(await PostAsync(api, """{"algorithm":"kmeans","parameters":{"k":9},"input":{"values":[1,2]}}""")).Status);
    }

    [Fact]
    public async Task An_engine_that_dies_costs_no_request_while_another_lives()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var without = ("Pipeline__Analysis__Python", "off");
        var engines = await Task.WhenAll(pipeline.StartProcessorsAsync(Engine, without), pipeline.StartProcessorsAsync(Engine, without));
        var api = (await pipeline.StartIngestAsync(("Pipeline__Analysis__Engines__0", engines[0].Url.ToString()), ("Pipeline__Analysis__Engines__1", engines[1].Url.ToString()))).Url;
        var asked = 0;
        using var enough = new CancellationTokenSource();
        var clients = Enumerable.Range(0, 4).Select(async _ =>
        {
            while (!enough.IsCancellationRequested)
            {
                Assert.Equal(HttpStatusCode.OK, (await PostAsync(api, """{"algorithm":"mean","input":{"values":[1,2,3]}}""")).Status);
                Interlocked.Increment(ref asked);
            }
        }).ToList();
        await Until.TrueAsync("requests flow", TimeSpan.FromSeconds(30), () => Volatile.Read(ref asked) > 100);
        engines[0].Signal(HostProcess.SigKill);
        var before = Volatile.Read(ref asked);
        await Until.TrueAsync("requests flow on", TimeSpan.FromSeconds(30), () => Volatile.Read(ref asked) > before + 100);
        await enough.CancelAsync();
        await Task.WhenAll(clients);

        engines[1].Signal(HostProcess.SigKill);
        await engines[1].ExitAsync(TimeSpan.FromSeconds(10));
        var (status, problem) = await PostAsync(api, """{"algorithm":"mean","input":{"values":[1]}}""");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "engine_unavailable"), (status, problem.GetProperty("code").GetString()));
    }

    [Fact]
    public async Task What_one_engine_computed_another_remembers()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        (string, string)[] settings = [Engine, ("Pipeline__Analysis__Python", "off"), ("Pipeline__Analysis__CacheFrom", "00:00:00"), ("Pipeline__Analysis__SharedCacheFrom", "00:00:00")];
        var engines = await Task.WhenAll(pipeline.StartProcessorsAsync(settings), pipeline.StartProcessorsAsync(settings));
        await Until.TrueAsync("the schema is there", TimeSpan.FromSeconds(60), pipeline.Database.HasSchemaAsync);
        const string request = """{"algorithm":"std","input":{"values":[1,2,4]},"options":{"include_metadata":true}}""";
        var cached = new List<bool>();
        foreach (var engine in (HostProcess[])[engines[0], engines[1], engines[1]])
            cached.Add((await PostAsync(engine.Url, request, "analysis/analyze")).Body.GetProperty("metadata").GetProperty("cached").GetBoolean());
        Assert.Equal([false, true, true], cached);
        var looks = (await PipelineUnderTest.Http.GetStringAsync(new Uri(engines[1].Url, "metrics"), Stop)).Split('\n').Where(l => l.StartsWith("pipeline_analysis_cache_looks_total", StringComparison.Ordinal)).ToList();
        Assert.Contains(looks, l => l.Contains("level=\"shared\"", StringComparison.Ordinal) && l.Contains("outcome=\"hit\"", StringComparison.Ordinal) && l.Split(' ')[^1] == "1");
        Assert.Contains(looks, l => l.Contains("level=\"memory\"", StringComparison.Ordinal) && l.Contains("outcome=\"hit\"", StringComparison.Ordinal) && l.Split(' ')[^1] == "1");
    }

    [Fact]
    public async Task An_operator_empties_the_cache_of_every_engine_and_of_the_store_and_is_told_who_did_not_answer()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        (string, string)[] settings = [Engine, ("Pipeline__Analysis__Python", "off"), ("Pipeline__Analysis__CacheFrom", "00:00:00"), ("Pipeline__Analysis__SharedCacheFrom", "00:00:00")];
        var engines = await Task.WhenAll(pipeline.StartProcessorsAsync(settings), pipeline.StartProcessorsAsync(settings));
        var api = (await pipeline.StartIngestAsync(("Pipeline__Ingest__Operations", "true"), ("Pipeline__Analysis__Engines__0", engines[0].Url.ToString()), ("Pipeline__Analysis__Engines__1", engines[1].Url.ToString()))).Url;
        await Until.TrueAsync("the schema is there", TimeSpan.FromSeconds(60), pipeline.Database.HasSchemaAsync);
        foreach (var engine in engines)
            foreach (var algorithm in (string[])["std", "mean"])
                await PostAsync(engine.Url, $$$"""{"algorithm":"{{{algorithm}}}","input":{"values":[1,2,4]}}""", "analysis/analyze");

        var figures = await CacheAsync(HttpMethod.Get, api);
        Assert.True(figures.GetProperty("complete").GetBoolean());
        Assert.Equal(2, figures.GetProperty("store").GetProperty("entries").GetInt32());
        Assert.True(figures.GetProperty("store").GetProperty("bytes").GetInt64() > 0);
        // The second engine found in the store what the first had made.
        Assert.Equal(["2 0 2 0 2", "2 0 2 2 0"], figures.GetProperty("engines").EnumerateArray().Select(e => e.GetProperty("cache")).Select(c =>
            string.Join(' ', new[] { "entries", "hits", "misses", "shared_hits", "shared_misses" }.Select(n => c.GetProperty(n).GetInt64()))));

        Assert.Equal("""True 3 1: 1,1""", Purged(await CacheAsync(HttpMethod.Delete, api, "?algorithm=std")));
        Assert.Equal("""True 0 0: 0,0""", Purged(await CacheAsync(HttpMethod.Delete, api, "?algorithm=std")));
        var (_, made) = await PostAsync(engines[1].Url, """{"algorithm":"std","input":{"values":[1,2,4]},"options":{"include_metadata":true}}""", "analysis/analyze");
        Assert.False(made.GetProperty("metadata").GetProperty("cached").GetBoolean());

        engines[0].Signal(HostProcess.SigKill);
        await engines[0].ExitAsync(TimeSpan.FromSeconds(10));
        var partial = await CacheAsync(HttpMethod.Delete, api);
        Assert.Equal("False 4 2: ,2", Purged(partial));
        Assert.Equal([(engines[0].Url, true), (engines[1].Url, false)], partial.GetProperty("engines").EnumerateArray().Select(e => (new Uri(e.GetProperty("address").GetString()!), e.GetProperty("error").ValueKind == JsonValueKind.String)));
        Assert.Equal((0, false), (await CacheAsync(HttpMethod.Get, api) is var rest ? rest.GetProperty("store").GetProperty("entries").GetInt32() : -1, rest.GetProperty("complete").GetBoolean()));

        using var refused = await PipelineUnderTest.Http.DeleteAsync(new Uri(api, "api/v1/ops/analysis/cache?algorithms=std"), Stop);
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_parameter"), (refused.StatusCode, (await refused.Content.ReadFromJsonAsync<JsonElement>(Stop)).GetProperty("code").GetString()));
        using var empty = await PipelineUnderTest.Http.DeleteAsync(new Uri(api, "api/v1/ops/analysis/cache?algorithm="), Stop);
        Assert.Equal(HttpStatusCode.BadRequest, empty.StatusCode);
    }

    static string Purged(JsonElement answer) => $"{answer.GetProperty("complete").GetBoolean()} {answer.GetProperty("removed")} {answer.GetProperty("store").GetProperty("removed")}: "
        + string.Join(',', answer.GetProperty("engines").EnumerateArray().Select(e => e.GetProperty("removed").ToString()));

    static async Task<JsonElement> CacheAsync(HttpMethod method, Uri api, string query = "")
    {
        using var answer = await PipelineUnderTest.Http.SendAsync(new HttpRequestMessage(method, new Uri(api, "api/v1/ops/analysis/cache" + query)), Stop);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadFromJsonAsync<JsonElement>(Stop);
    }

    [Fact]
    public async Task Without_an_engine_it_says_so()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var api = (await pipeline.StartIngestAsync()).Url;
        var (status, problem) = await PostAsync(api, """{"algorithm":"mean","input":{"values":[1]}}""");
        Assert.Equal((HttpStatusCode.NotImplemented, "analysis_not_configured"), (status, problem.GetProperty("code").GetString()));
    }
}
