using static Pipeline.Ingest.Tests.Events.Bodies;

namespace Pipeline.Ingest.Tests.Host;

public sealed class CorsTests
{
    [Fact]
    public async Task A_preflight_of_an_allowed_origin_is_answered_and_may_be_kept()
    {
        var answer = await PreflightAsync("http://tool.example");
        Assert.Equal((204, "http://tool.example"), (answer.Status, answer.Header("Access-Control-Allow-Origin")));
        Assert.Contains("POST", answer.Header("Access-Control-Allow-Methods"), StringComparison.Ordinal);
        Assert.Contains("content-type", answer.Header("Access-Control-Allow-Headers"), StringComparison.OrdinalIgnoreCase);
        Assert.Equal("7200", answer.Header("Access-Control-Max-Age"));
        Assert.Null(answer.Header("Access-Control-Allow-Credentials"));
    }

    [Fact]
    public async Task Another_origin_is_allowed_nothing()
    {
        Assert.Null((await PreflightAsync("http://other.example")).Header("Access-Control-Allow-Origin"));
        Assert.Null((await PostAsync("http://other.example", Batch(Performance))).Header("Access-Control-Allow-Origin"));
    }

    [Theory]
    [InlineData("{", 400)]
    [InlineData("{\"batch_id\":\"b\",\"events\":[{}]}", 422)]
    public async Task Scripts_may_read_errors_and_when_to_come_back(string body, int status)
    {
        var answer = await PostAsync("http://tool.example", body);
        Assert.Equal((status, "http://tool.example"), (answer.Status, answer.Header("Access-Control-Allow-Origin")));
        Assert.Contains("Retry-After", answer.Header("Access-Control-Expose-Headers"), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Scripts_may_read_errors_of_the_servers_own_parser()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/nothing");
        request.Headers.Add("Origin", "http://tool.example");
        var answer = await (await SharedHost.GetAsync()).SendAsync(request);
        answer.IsProblem(404, "not_found");
        Assert.Equal("http://tool.example", answer.Header("Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task A_wildcard_allows_every_origin_without_credentials()
    {
        await using var host = await IngestUnderTest.StartAsync(new() { ["Pipeline__Ingest__AllowedOrigins__0"] = "*" });
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.Add("Origin", "http://any.example");
        var answer = await host.SendAsync(request);
        Assert.Equal(("*", null), (answer.Header("Access-Control-Allow-Origin"), answer.Header("Access-Control-Allow-Credentials")));
    }

    static async Task<Answer> PreflightAsync(string origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, "/api/v1/events/batch");
        request.Headers.Add("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", "POST");
        request.Headers.Add("Access-Control-Request-Headers", "content-type,content-encoding");
        return await (await SharedHost.GetAsync()).SendAsync(request);
    }

    static async Task<Answer> PostAsync(string origin, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/events/batch") { Content = new StringContent(body, null, "application/json") };
        request.Headers.Add("Origin", origin);
        return await (await SharedHost.GetAsync()).SendAsync(request);
    }
}
