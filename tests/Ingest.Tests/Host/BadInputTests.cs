using System.Text;
using Pipeline.Pipeline.Tests.Harness;
using static Pipeline.Ingest.Tests.Events.Bodies;

namespace Pipeline.Ingest.Tests.Host;

/// <summary>What a client can send by mistake or by malice: an answer that says why, and never a 500.</summary>
public sealed class BadInputTests
{
    public static TheoryData<string, string, int, string> Refused => new()
    {
        { "empty body", "", 400, "empty_body" },
        { "byte order mark", "\ufeff" + Batch(Performance), 400, "byte_order_mark" },
        { "no json", "hello", 400, "malformed_json" },
        { "cut json", Batch(Performance)[..^1], 400, "malformed_json" },
        { "empty batch", Batch(), 422, "empty_batch" },
        { "1,001 events", Batch(Enumerable.Repeat(Performance, 1001)), 413, "too_many_events" },
        { "duplicate keys", "{\"batch_id\":\"a\",\"batch_id\":\"b\",\"events\":[]}", 400, "duplicate_field" },
        { "lone surrogate as batch id", "{\"batch_id\":\"\\ud800\",\"events\":[]}", 400, "invalid_batch_id" },
        { "lone surrogate as a name", "{\"\\ud800xx\":1}", 400, "missing_events" },
        { "nul in the batch id", "{\"batch_id\":\"\\u0000\",\"events\":[]}", 400, "invalid_batch_id" },
        { "newline in the batch id", "{\"batch_id\":\"a\\nb\",\"events\":[]}", 400, "invalid_batch_id" },
        { "a million levels", "{\"x\":" + new string('[', 900_000), 400, "malformed_json" },
        { "an array", "[" + Performance + "]", 400, "not_an_object" },
        { "metadata of a wrong type", "{\"metadata\":\"x\"}", 400, "invalid_metadata" },
    };

    [Theory, MemberData(nameof(Refused))]
    public async Task A_body_that_cannot_be_a_batch_is_refused_with_its_reason(string what, string body, int status, string code)
    {
        var host = await SharedHost.GetAsync();
        TestContext.Current.TestOutputHelper?.WriteLine(what);
        foreach (var chunked in (bool[])[false, true])
            (await host.PostAsync(body.Bytes(), chunked: chunked)).IsProblem(status, code);
    }

    [Fact]
    public async Task Bytes_that_are_not_utf8_cost_only_their_event()
    {
        await using var host = await IngestUnderTest.StartAsync();
        byte[] body = [.. "{\"batch_id\":\"b\",\"events\":["u8, .. Performance.Bytes(), (byte)',', .. "{\"user_id\":\"\\u0041"u8, 0xE2, 0x82, .. "\"},"u8, .. Event("v").Bytes(), .. "]}"u8];
        var answer = await host.PostAsync(body);
        Assert.Equal((200, "partial"), (answer.Status, answer.Json.GetProperty("status").GetString()));
        Assert.Equal(["1 rejected invalid_utf8"], answer.Results);
        Assert.Equal([Event("v"), Performance], (await host.RecordsAsync()).Select(r => Encoding.UTF8.GetString(r.Value)).Order(StringComparer.Ordinal));
        (await host.PostAsync([.. "{\"batch_id\":\"b"u8, 0xFF, .. "\",\"events\":[{}]}"u8])).IsProblem(400, "invalid_batch_id");
    }

    public static TheoryData<string, string> Events => new()
    {
        { "{}", "missing_field" },
        { "5", "not_an_object" },
        { "{\"user_id\":\"a\",\"user_id\":\"b\"}", "duplicate_field" },
        { Event("u", data: "{\"x\":1e400}"), "number_out_of_range" },
        { Event("u", data: "{\"x\":" + new string('[', 10_000) + new string(']', 10_000) + "}"), "too_deep" },
        { Event("\\ud800"), "invalid_string" },
        { Event("\\u0000"), "invalid_string" },
        { Event("u", data: "{\"\\ud800\":1}"), "invalid_string" },
        { Event("a\\nb"), "control_character" },
        { Event(""), "invalid_length" },
        { Event(new string('x', 129)), "invalid_length" },
        { Event("u", id: "no-uuid"), "invalid_event_id" },
        { Event("u", data: "[]"), "wrong_type" },
        { Performance.Replace("performance", "other", StringComparison.Ordinal), "invalid_value" },
        { Performance.Replace("2024-01-01T", "2024-01-01 ", StringComparison.Ordinal), "invalid_timestamp" },
        { Performance.Replace("2024", "0001", StringComparison.Ordinal), "timestamp_out_of_range" },
        { Performance.Replace("2024", "9999", StringComparison.Ordinal), "timestamp_out_of_range" },
        { Performance.Replace("\"u\"", "5", StringComparison.Ordinal), "wrong_type" },
        { Event("u", data: "{\"x\":\"" + new string('x', 600_000) + "\"}"), "too_large" },
    };

    [Theory, MemberData(nameof(Events))]
    public async Task An_event_that_can_never_be_stored_is_rejected_alone(string bad, string reason)
    {
        var host = await SharedHost.GetAsync();
        var alone = await host.PostAsync(Batch(bad));
        alone.IsProblem(422, "nothing_valid");
        Assert.Equal([$"0 rejected {reason}"], alone.Results);
        var among = await host.PostAsync(Batch(Performance, bad, Performance));
        Assert.Equal((200, 2, 3), (among.Status, among.Json.GetProperty("processed_count").GetInt32(), among.Json.GetProperty("total_count").GetInt32()));
        Assert.Equal([$"1 rejected {reason}"], among.Results);
        var lines = await host.PostAsync($"{Performance}\n{bad}\n", "application/x-ndjson");
        Assert.Equal((200, $"1 rejected {reason}"), (lines.Status, Assert.Single(lines.Results)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("application/xml")]
    [InlineData("application/jsonp")]
    [InlineData("nonsense")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("multipart/form-data; boundary=x")]
    public async Task Another_content_type_is_refused(string? type) =>
        (await (await SharedHost.GetAsync()).PostAsync(Batch(Performance).Bytes(), type)).IsProblem(415, "unsupported_media_type");

    [Theory]
    [InlineData("application/json; charset=utf-8")]
    [InlineData("Application/JSON;charset=\"UTF-8\"")]
    [InlineData("text/plain;charset=UTF-8")]
    [InlineData("text/plain")]
    public async Task Json_and_beacons_are_taken(string type) => Assert.Equal(200, (await (await SharedHost.GetAsync()).PostAsync(Batch(Performance), type)).Status);

    [Fact]
    public async Task Encodings_are_taken_refused_or_named()
    {
        var host = await SharedHost.GetAsync();
        var body = Batch(Performance).Bytes();
        Assert.Equal(200, (await host.PostAsync(Gzip(body), encoding: "gzip")).Status);
        Assert.Equal(200, (await host.PostAsync(Brotli(body), encoding: "br")).Status);
        (await host.PostAsync(body, encoding: "gzip")).IsProblem(400, "invalid_encoding");
        (await host.PostAsync(body, encoding: "br")).IsProblem(400, "invalid_encoding");
        (await host.PostAsync(Gzip(body)[..^5], encoding: "gzip")).IsProblem(400, "invalid_encoding");
        (await host.PostAsync(Brotli(body)[..^2], encoding: "br")).IsProblem(400, "invalid_encoding");
        (await host.PostAsync(Gzip(Gzip(body)), encoding: "gzip")).IsProblem(400, "malformed_json");
        var unknown = await host.PostAsync(body, encoding: "zstd");
        unknown.IsProblem(415, "unsupported_encoding");
        Assert.Equal("gzip, br", unknown.Header("Accept-Encoding"));
        (await host.PostAsync(Gzip(Gzip(body)), encoding: "gzip, gzip")).IsProblem(415, "unsupported_encoding");
    }

    [Fact]
    public async Task Exactly_the_limit_is_taken_and_one_byte_more_is_not()
    {
        var host = await SharedHost.GetAsync();
        byte[] Body(int length) => (Batch(Performance)[..^1] + ",\"x\":\"" + new string('x', length - Batch(Performance).Length - 7) + "\"}").Bytes();
        Assert.Equal(1_000_000, Body(1_000_000).Length);
        foreach (var chunked in (bool[])[false, true])
        {
            Assert.Equal(200, (await host.PostAsync(Body(1_000_000), chunked: chunked)).Status);
            (await host.PostAsync(Body(1_000_001), chunked: chunked)).IsProblem(413, "body_too_large");
        }
        Assert.Equal(200, (await host.PostAsync(Gzip(Body(1_000_000)), encoding: "gzip")).Status);
        (await host.PostAsync(Gzip(Body(1_000_001)), encoding: "gzip")).IsProblem(413, "body_too_large");
    }

    [Fact]
    public async Task A_gzip_bomb_of_50_mb_leaves_memory_flat()
    {
        var host = await SharedHost.GetAsync();
        var bomb = Gzip(new byte[50_000_000]);
        (await host.PostAsync(bomb, encoding: "gzip")).IsProblem(413, "body_too_large");
        var before = await ResidentBytesAsync(host);
        for (var round = 0; round < 5; round++)
            await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ => (await host.PostAsync(bomb, encoding: "gzip")).IsProblem(413, "body_too_large")));
        Assert.InRange(await ResidentBytesAsync(host) - before, long.MinValue, 60_000_000);
        await Until.TrueAsync("no byte is in flight", TimeSpan.FromSeconds(10), async () => (await host.MetricsAsync()).Value("pipeline_ingest_in_flight_bytes") == 0);
    }

    static async Task<long> ResidentBytesAsync(IngestUnderTest host)
    {
        var pid = host.Process.Name.Split(':')[1];
        var line = (await File.ReadAllLinesAsync($"/proc/{pid}/status")).Single(l => l.StartsWith("VmRSS", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture) * 1024;
    }
}
