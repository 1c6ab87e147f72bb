using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Ingest.Tests.Host;

public sealed class PagesTests
{
    [Theory]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    [InlineData("/health")]
    [InlineData("/api/v1/health/live")]
    [InlineData("/api/v1/health/ready")]
    [InlineData("/api/v1/health")]
    public async Task Health_answers_under_both_roots_with_and_without_a_slash(string path)
    {
        var host = await SharedHost.GetAsync();
        foreach (var written in (string[])[path, path + "/"])
            Assert.Equal((written, 200), (written, (await host.GetAsync(written)).Status));
    }

    [Fact]
    public async Task Health_names_each_dependency()
    {
        var host = await SharedHost.GetAsync();
        await Until.TrueAsync("both dependencies are well", TimeSpan.FromSeconds(20), async () => (await host.GetAsync("/health")).Json.GetProperty("status").GetString() == "healthy");
        var dependencies = (await host.GetAsync("/health")).Json.GetProperty("dependencies");
        foreach (var name in (string[])["kafka", "postgres"])
        {
            Assert.True(dependencies.GetProperty(name).GetProperty("healthy").GetBoolean());
            Assert.InRange(dependencies.GetProperty(name).GetProperty("latency_ms").GetDouble(), 0, 10_000);
            Assert.True(dependencies.GetProperty(name).TryGetProperty("last_error", out _));
        }
    }

    [Theory]
    [InlineData("/metrics")]
    [InlineData("/api/v1/metrics")]
    public async Task Metrics_are_valid_exposition(string path)
    {
        var answer = await (await SharedHost.GetAsync()).GetAsync(path);
        Assert.Equal((200, "text/plain"), (answer.Status, answer.Type));
        var read = Sinks.Tests.Prometheus.Exposition.Read(answer.Text);
        Assert.Contains("pipeline_ingest_in_flight_bytes", read.Types.Keys);
        Assert.All(read.Types.Keys.Where(n => n.StartsWith("pipeline_", StringComparison.Ordinal)), n => Assert.NotEmpty(read.Help[n]));
    }

    [Fact]
    public async Task The_description_is_json_and_names_every_call()
    {
        var host = await SharedHost.GetAsync();
        var api = (await host.GetAsync("/openapi/v1.json")).Json;
        Assert.StartsWith("3.", api.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        Assert.Equal(["/api/v1/algorithms", "/api/v1/analyze", "/api/v1/analyze/batch", "/api/v1/compute", "/api/v1/erasures/{id}", "/api/v1/events/analysis/comparison/{user_id}", "/api/v1/events/analysis/efficiency-trends/{user_id}", "/api/v1/events/analysis/operation-patterns/{user_id}",
            "/api/v1/events/analysis/recommendations/{user_id}", "/api/v1/events/analysis/user-behavior/{user_id}", "/api/v1/events/batch", "/api/v1/events/events/{user_id}", "/api/v1/events/performance/{project_id}",
            "/api/v1/events/raw-stats/{user_id}", "/api/v1/events/stats/{user_id}", "/api/v1/metrics/definitions", "/api/v1/ops/analysis/cache", "/api/v1/ops/dead-letters",
            "/api/v1/ops/dead-letters/groups", "/api/v1/ops/dead-letters/{consumer}/{topic_id}/{partition}/{offset}", "/api/v1/ops/queues", "/api/v1/ops/tasks",
            "/api/v1/ops/tasks/algorithms", "/api/v1/ops/workers", "/api/v1/stats/export", "/api/v1/stats/projects/{project_id}",
            "/api/v1/stats/projects/{project_id}/leaderboard", "/api/v1/stats/projects/{project_id}/users", "/api/v1/stats/quality", "/api/v1/task/{id}"], api.GetProperty("paths").EnumerateObject().Select(p => p.Name).Order());
        var post = api.GetProperty("paths").GetProperty("/api/v1/events/batch").GetProperty("post");
        Assert.Equal(["application/json", "application/x-ndjson", "text/plain"], post.GetProperty("requestBody").GetProperty("content").EnumerateObject().Select(c => c.Name).Order());
        Assert.Equal(["200", "400", "408", "413", "415", "422", "429", "503"], post.GetProperty("responses").EnumerateObject().Select(c => c.Name).Order());
        var performance = api.GetProperty("paths").GetProperty("/api/v1/events/performance/{project_id}").GetProperty("get");
        Assert.Equal(["from", "project_id", "range", "to", "tool", "user_id"], performance.GetProperty("parameters").EnumerateArray().Select(p => p.GetProperty("name").GetString()).Order());
        Assert.Equal(["200", "400", "501", "503"], performance.GetProperty("responses").EnumerateObject().Select(c => c.Name).Order());
        var list = api.GetProperty("paths").GetProperty("/api/v1/ops/dead-letters").GetProperty("get");
        Assert.Equal(["consumer", "cursor", "fingerprint", "from", "kind", "limit", "partition", "reason", "stage", "state", "tenant", "to", "topic"],
            list.GetProperty("parameters").EnumerateArray().Select(p => p.GetProperty("name").GetString()).Order());
        Assert.Equal(["200", "400", "503"], list.GetProperty("responses").EnumerateObject().Select(c => c.Name).Order());
        Assert.Contains("value_text", api.GetProperty("components").GetProperty("schemas").GetProperty("StoredDeadLetter").GetProperty("properties").EnumerateObject().Select(p => p.Name));
        Assert.Contains("batch_id", api.GetProperty("components").GetProperty("schemas").GetProperty("BatchRequest").GetProperty("properties").EnumerateObject().Select(p => p.Name));
    }

    [Fact]
    public async Task The_pages_come_from_this_host_alone()
    {
        var host = await SharedHost.GetAsync();
        foreach (var (path, type) in ((string, string)[])[("/docs", "text/html"), ("/docs/", "text/html"), ("/docs.js", "text/javascript")])
        {
            var page = await host.GetAsync(path);
            Assert.Equal((path, 200, type), (path, page.Status, page.Type));
            Assert.DoesNotMatch(@"(src|href)=""(https?:)?//", page.Text);
        }
        var root = (await host.GetAsync("/")).Json;
        Assert.Equal("pipeline", root.GetProperty("name").GetString());
        Assert.NotEmpty(root.GetProperty("version").GetString()!);
        foreach (var link in root.GetProperty("links").EnumerateObject())
            Assert.NotEqual((link.Name, 404), (link.Name, (await host.GetAsync(link.Value.GetString()!)).Status));
    }

    [Theory]
    [InlineData("/nothing", 404, "not_found")]
    [InlineData("/api/v1/nothing/", 404, "not_found")]
    [InlineData("/api/v1", 404, "not_found")]
    [InlineData("/openapi/v2.json", 404, "not_found")]
    [InlineData("/api/v1/events/batch", 405, "method_not_allowed")]
    public async Task Unknown_paths_and_methods_are_problems(string path, int status, string code) =>
        (await (await SharedHost.GetAsync()).GetAsync(path)).IsProblem(status, code);

    [Fact]
    public async Task A_trailing_slash_is_the_same_call()
    {
        var host = await SharedHost.GetAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/events/batch/") { Content = new StringContent(Events.Bodies.Batch(Events.Bodies.Performance), null, "application/json") };
        Assert.Equal(200, (await host.SendAsync(request)).Status);
        Assert.Equal(JsonValueKind.Object, (await host.GetAsync("/api/v1/events/stats/u/")).Json.ValueKind);
    }
}
