using System.Text.Json;
using Pipeline.Ingest.Tests.Host;

namespace Pipeline.Ingest.Tests.Operations;

public sealed class CacheTests
{
    const string Path = "/api/v1/ops/analysis/cache";

    [Theory]
    [InlineData("GET")]
    [InlineData("DELETE")]
    public async Task Where_nobody_answers_everybody_is_named_and_nothing_is_claimed(string method)
    {
        // No PostgreSQL, and nobody listens on port 1.
        await using var host = await IngestUnderTest.StartAsync(new() { ["Pipeline__Ingest__Operations"] = "true", ["Pipeline__Analysis__Engines__0"] = "http://127.0.0.1:1" }, kafka: "127.0.0.1:1");
        var answer = await host.SendAsync(new HttpRequestMessage(new HttpMethod(method), Path));
        Assert.Equal(200, answer.Status);
        Assert.False(answer.Json.GetProperty("complete").GetBoolean());
        var engine = Assert.Single(answer.Json.GetProperty("engines").EnumerateArray());
        Assert.Equal("http://127.0.0.1:1/", engine.GetProperty("address").GetString());
        Assert.All([engine, answer.Json.GetProperty("store")], e => Assert.NotEmpty(e.GetProperty("error").GetString()!));
        Assert.Equal(JsonValueKind.Null, method == "GET" ? engine.GetProperty("cache").ValueKind : engine.GetProperty("removed").ValueKind);
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("DELETE")]
    public async Task Nobody_but_operators_is_served(string method)
    {
        await using var host = await IngestUnderTest.StartAsync(new(), kafka: "127.0.0.1:1");
        (await host.SendAsync(new HttpRequestMessage(new HttpMethod(method), Path))).IsProblem(404, "not_found");
    }
}
