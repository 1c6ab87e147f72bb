using System.Text.Json;
using Pipeline.Ingest.Tests.Host;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Ingest.Tests.Operations;

public sealed class DeadLetterTests
{
    const string Path = "/api/v1/ops/dead-letters";
    static readonly Dictionary<string, string> Operations = new() { ["Pipeline__Ingest__Operations"] = "true", ["Pipeline__Ingest__RetryAfter"] = "00:00:07" };

    [Fact]
    public async Task A_letter_is_shown_with_all_that_is_known_of_it()
    {
        await using var host = await StartAsync();
        await AddAsync(host, 7, columns: ", algorithm, algorithm_version, published_at, key, value, header_names, header_values",
            values: ", 'mean', '1.0', '2024-01-02T00:00:00.000001Z', 'k', '\\xc3a9', '{h,h}', ARRAY['\\xff'::bytea, NULL]");
        var expected = """
            {"consumer":"c/1","topic":"t","topic_id":"a/b+c","partition":3,"offset":7,"tenant":"default","stage":"processing","kind":"invalid","reason":"missing_field","message":"m",
            "fingerprint":"missing_field:user_id","attempts":1,"algorithm":"mean","algorithm_version":"1.0","logged_at":"2024-01-01T00:00:00Z","failed_first":"2024-01-01T00:00:07Z",
            "failed_last":"2024-01-01T00:00:07Z","published_at":"2024-01-02T00:00:00.000001Z","closed_at":null,"key":"aw==","headers":[{"name":"h","value":"/w=="},{"name":"h","value":null}],
            "value":"w6k=","value_bytes":2,"truncated":false,"value_text":"é"}
            """;
        var one = await host.GetAsync($"{Path}/c%2F1/a%2Fb+c/3/7");
        var list = await host.GetAsync(Path);
        Assert.Equal((200, 200), (one.Status, list.Status));
        Assert.True(JsonElement.DeepEquals(JsonDocument.Parse(expected).RootElement, one.Json), one.Text);
        Assert.True(JsonElement.DeepEquals(one.Json, Assert.Single(list.Json.GetProperty("dead_letters").EnumerateArray())), list.Text);
        (await host.GetAsync($"{Path}/c%2F1/a%2Fb+c/3/8")).IsProblem(404, "no_such_dead_letter");
        (await host.GetAsync($"{Path}/c%0A1/a/3/8")).IsProblem(404, "no_such_dead_letter");
        (await host.GetAsync($"{Path}/c/a/x/8")).IsProblem(400, "invalid_parameter");
        (await host.GetAsync($"{Path}/c/a/0/9223372036854775808")).IsProblem(400, "invalid_parameter");
        (await host.GetAsync($"{Path}/c/a/0")).IsProblem(404, "not_found");
    }

    [Fact]
    public async Task Each_filter_finds_what_it_names_and_nothing_else()
    {
        await using var host = await StartAsync();
        await AddAsync(host, 1);
        await AddAsync(host, 2, "consumer = 'c2', topic = 't2', partition = 4, tenant = 'o''Neill', stage = 'sending', kind = 'fatal', reason = 'influx_refused', fingerprint = 'f''\"--'");
        await AddAsync(host, 3, "closed_at = now()");
        string[] only2 = ["consumer=c2", "topic=t2", "partition=4", "tenant=o%27Neill", "stage=sending", "kind=fatal", "reason=influx_refused", "fingerprint=f%27%22--", "from=2024-01-01T00:00:02Z",
            "from=2024-01-01T05:30:02%2B05:30", "from=2024-01-01T05:30:02+05:30", "consumer=c2&kind=fatal&tenant=o%27Neill"];
        foreach (var filter in only2)
            Assert.Equal((filter, "2"), (filter, await OffsetsAsync(host, filter)));
        Assert.Equal("1", await OffsetsAsync(host, "to=2024-01-01T00:00:02Z"));
        Assert.Equal("", await OffsetsAsync(host, "consumer=c2&kind=invalid"));
        Assert.Equal("", await OffsetsAsync(host, "tenant=%27+OR+true--"));
        Assert.Equal(("2,1", "3", "3,2,1"), (await OffsetsAsync(host, "state=open"), await OffsetsAsync(host, "state=closed"), await OffsetsAsync(host, "state=all")));
        Assert.Equal("2,1", await OffsetsAsync(host, ""));
    }

    [Fact]
    public async Task Pages_go_on_where_the_one_before_ended()
    {
        await using var host = await StartAsync();
        for (var i = 0; i < 5; i++)
            await AddAsync(host, i);
        var (seen, cursor) = ("", "");
        do
        {
            var page = (await host.GetAsync($"{Path}?limit=2{cursor}")).Json;
            seen += Offsets(page) + ";";
            cursor = page.GetProperty("next_cursor").GetString() is { } next ? "&cursor=" + next : "";
        }
        while (cursor.Length > 0);
        Assert.Equal("4,3;2,1;0;", seen);
    }

    [Fact]
    public async Task Groups_are_counted_under_the_same_filters()
    {
        await using var host = await StartAsync();
        await AddAsync(host, 1);
        await AddAsync(host, 2, "tenant = 'b'");
        await AddAsync(host, 3, "kind = 'fatal'");
        var all = (await host.GetAsync($"{Path}/groups")).Json;
        Assert.Equal([2, 1], all.GetProperty("groups").EnumerateArray().Select(g => g.GetProperty("count").GetInt32()));
        Assert.Equal("""
            {"fingerprint":"missing_field:user_id","consumer":"c/1","reason":"missing_field","kind":"invalid","stage":"processing","count":2,"tenants":2,"first":"2024-01-01T00:00:01Z","last":"2024-01-01T00:00:02Z","example":{"consumer":"c/1","topic":"t","topic_id":"a/b\u002Bc","partition":3,"offset":2}}
            """, all.GetProperty("groups")[0].GetRawText());
        Assert.Equal("fatal", Assert.Single((await host.GetAsync($"{Path}/groups?kind=fatal")).Json.GetProperty("groups").EnumerateArray()).GetProperty("kind").GetString());
        Assert.True((await host.GetAsync($"{Path}/groups?limit=1")).Json.GetProperty("more").GetBoolean());
    }

    [Theory]
    [InlineData("colour=red", "colour")]
    [InlineData("topics=t", "topics")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=501", "limit")]
    [InlineData("limit=-1", "limit")]
    [InlineData("limit=many", "limit")]
    [InlineData("limit=", "limit")]
    [InlineData("partition=-1", "partition")]
    [InlineData("partition=2147483648", "partition")]
    [InlineData("stage=nowhere", "stage")]
    [InlineData("kind=Fatal", "kind")]
    [InlineData("state=0", "state")]
    [InlineData("state=Open", "state")]
    [InlineData("from=yesterday", "from", "invalid_time")]
    [InlineData("to=2024-01-01", "to", "invalid_time")]
    [InlineData("from=0001-01-01T00:00:00%2B01:00", "from", "invalid_time")]
    [InlineData("tenant=a&tenant=b", "tenant")]
    [InlineData("tenant=a%00b", "tenant")]
    [InlineData("tenant=", "tenant")]
    [InlineData("cursor=nonsense!", "cursor")]
    [InlineData("cursor=MQoyCjMKNAo", "cursor")]
    [InlineData("cursor=OTk5OTk5OTk5OTk5OTk5OTk5OQpjCnQKMAow", "cursor")]
    public async Task What_cannot_be_read_is_refused_by_its_name(string query, string parameter, string code = "invalid_parameter")
    {
        var host = await SharedHost.GetAsync();
        foreach (var path in query.StartsWith("cursor", StringComparison.Ordinal) ? [Path] : (string[])[Path, Path + "/groups"])
        {
            var answer = await host.GetAsync($"{path}?{query}");
            answer.IsProblem(400, code);
            Assert.Equal(parameter, answer.Json.GetProperty("parameter").GetString());
            Assert.StartsWith(parameter, answer.Json.GetProperty("detail").GetString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Groups_have_no_cursor() => (await (await SharedHost.GetAsync()).GetAsync($"{Path}/groups?cursor=MQ")).IsProblem(400, "invalid_parameter");

    [Theory]
    [InlineData("")]
    [InlineData("/groups")]
    [InlineData("/c/t/0/0")]
    public async Task Without_PostgreSQL_clients_are_told_to_come_back(string call)
    {
        await using var host = await IngestUnderTest.StartAsync(Operations, kafka: "127.0.0.1:1");
        var answer = await host.GetAsync(Path + call);
        answer.IsProblem(503, "store_unavailable");
        Assert.Equal("7", answer.Header("Retry-After"));
    }

    [Fact]
    public async Task Unless_it_is_switched_on_nothing_is_shown()
    {
        await using var host = await IngestUnderTest.StartAsync(kafka: "127.0.0.1:1");
        (await host.GetAsync(Path)).IsProblem(404, "not_found");
        Assert.DoesNotContain("dead-letters", (await host.GetAsync("/openapi/v1.json")).Text, StringComparison.Ordinal);
    }

    static async Task<IngestUnderTest> StartAsync()
    {
        var host = await IngestUnderTest.StartAsync(Operations, database: true);
        await Until.TrueAsync("the schema is there", TimeSpan.FromSeconds(30), host.Database!.HasSchemaAsync);
        return host;
    }

    /// <summary>A letter that failed as many seconds into 2024 as its offset, in the revision or, if odd, among those of the other roads.</summary>
    static async Task AddAsync(IngestUnderTest host, int offset, string changes = "", string columns = "", string values = "")
    {
        var schema = offset % 2 == 0 ? "rev_1" : "control";
        var headers = columns.Contains("header_names", StringComparison.Ordinal) ? ("", "") : (", header_names, header_values", ", '{}', '{}'");
        await host.Database!.RowsAsync($"""
            INSERT INTO {schema}.dead_letters (consumer, topic_id, partition, "offset", topic, tenant, stage, kind, reason, message, fingerprint, logged_at, failed_first, failed_last{columns}{headers.Item1})
            VALUES ('c/1', 'a/b+c', 3, {offset}, 't', 'default', 'processing', 'invalid', 'missing_field', 'm', 'missing_field:user_id', '2024-01-01T00:00:00Z',
                timestamptz '2024-01-01T00:00:00Z' + {offset} * interval '1 s', timestamptz '2024-01-01T00:00:00Z' + {offset} * interval '1 s'{values}{headers.Item2})
            """, _ => 0);
        if (changes.Length > 0)
            await host.Database.RowsAsync($"UPDATE {schema}.dead_letters SET {changes} WHERE \"offset\" = {offset}", _ => 0);
    }

    static async Task<string> OffsetsAsync(IngestUnderTest host, string filter)
    {
        var answer = await host.GetAsync($"{Path}?{filter}");
        Assert.Equal((filter, 200), (filter, answer.Status));
        return Offsets(answer.Json);
    }

    static string Offsets(JsonElement page) => string.Join(',', page.GetProperty("dead_letters").EnumerateArray().Select(l => l.GetProperty("offset").GetInt64()));
}
