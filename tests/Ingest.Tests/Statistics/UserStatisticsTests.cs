using System.Text.Json;
using Pipeline.Ingest.Statistics;
using Pipeline.Ingest.Tests.Host;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Ingest.Tests.Statistics;

public sealed class UserStatisticsTests
{
    static int _stored;

    [Fact]
    public async Task An_unknown_user_has_zeros_and_is_called_unknown()
    {
        var host = await SharedHost.GetAsync();
        await StoreAsync(host, "somebody");
        var answer = (await host.GetAsync("/api/v1/events/stats/nobody")).Json;
        Assert.Equal(("nobody", false, 0, 0), (answer.GetProperty("user_id").GetString(), answer.GetProperty("known").GetBoolean(), answer.GetProperty("projects_count").GetInt32(), answer.GetProperty("projects").GetArrayLength()));
        foreach (var metric in MetricDefinitions.InForce.Metrics)
            Assert.Equal((metric.Name, metric.OverNothing), (metric.Name, answer.GetProperty(metric.Name) is { ValueKind: JsonValueKind.Number } number ? number.GetDouble() : null));
    }

    [Fact]
    public async Task A_users_figures_have_the_compatible_names()
    {
        var host = await SharedHost.GetAsync();
        await StoreAsync(host, "figures");
        var figures = (await host.GetAsync("/api/v1/events/stats/figures")).Json;
        Assert.Equal((5, 1500.5, 500.1666666666667, 2), (figures.GetProperty("total_annotations").GetInt32(), figures.GetProperty("total_time").GetDouble(),
            figures.GetProperty("avg_annotation_time").GetDouble(), figures.GetProperty("projects_count").GetInt32()));
        Assert.Equal(
            """[{"project_id":"p","total_annotations":3,"total_time":1500.5,"avg_annotation_time":500.1666666666667,"last_activity":"2024-01-01T00:10:00Z"},"""
            + """{"project_id":"q","total_annotations":2,"total_time":0,"avg_annotation_time":0,"last_activity":"2024-01-01T00:29:00Z"}]""",
            figures.GetProperty("projects").GetRawText());
        Assert.Equal(["q"], await ProjectsAsync(host, "figures?project_id=q"));
        Assert.Equal(["p"], await ProjectsAsync(host, "figures?to=2024-01-01T00:15:00Z"));
        Assert.Equal(["q"], await ProjectsAsync(host, "figures?from=2024-01-01T00:15:00Z&to=2024-01-01T00:30:00Z"));
        Assert.Equal(["q"], await ProjectsAsync(host, "figures?from=2024-01-01T05:45:00%2B05:30"));
        Assert.Equal(["q"], await ProjectsAsync(host, "figures?from=2024-01-01T05:45:00+05:30"));
        Assert.Empty(await ProjectsAsync(host, "figures?from=2024-01-02T00:00:00Z"));
    }

    [Theory]
    [InlineData("'; DROP TABLE pipeline.activity;--")]
    [InlineData("$1 OR true")]
    [InlineData("a/b")]
    [InlineData("a%2Fb")]
    [InlineData("a%b+c d;e?f#g&h=i")]
    [InlineData("é漢😀\"\\'")]
    [InlineData("%27")]
    [InlineData("{user_id}")]
    public async Task An_id_is_nothing_but_a_text(string user)
    {
        var host = await SharedHost.GetAsync();
        await StoreAsync(host, user);
        foreach (var slash in (string[])["", "/"])
        {
            var answer = await host.GetAsync($"/api/v1/events/stats/{Uri.EscapeDataString(user)}{slash}");
            Assert.Equal((200, user, true), (answer.Status, answer.Json.GetProperty("user_id").GetString(), answer.Json.GetProperty("known").GetBoolean()));
        }
        Assert.Equal((200, 0), ((await host.GetAsync($"/api/v1/events/stats/u?project_id={Uri.EscapeDataString(user)}")).Status,
            (await host.GetAsync($"/api/v1/events/stats/u?project_id={Uri.EscapeDataString(user)}")).Json.GetProperty("projects_count").GetInt32()));
    }

    [Theory]
    [InlineData("a%0Ab")]
    [InlineData("u?project_id=")]
    [InlineData("u?project_id=%0A")]
    public async Task An_id_that_can_be_none_is_refused(string path) =>
        (await (await SharedHost.GetAsync()).GetAsync($"/api/v1/events/stats/{path}")).IsProblem(400, "invalid_id");

    [Fact]
    public async Task A_nul_in_a_path_is_refused_by_the_server_itself() =>
        Assert.Equal(400, (await (await SharedHost.GetAsync()).GetAsync("/api/v1/events/stats/a%00b")).Status);

    [Fact]
    public async Task An_id_that_is_too_long_is_refused() =>
        (await (await SharedHost.GetAsync()).GetAsync($"/api/v1/events/stats/{new string('x', 129)}")).IsProblem(400, "invalid_id");

    [Theory]
    [InlineData("from=2024-01-01T00:07:00Z", "2024-01-01T00:00:00Z")]
    [InlineData("from=2024-01-01T00:08:00Z", "2024-01-01T00:15:00Z")]
    [InlineData("to=2024-01-01T00:00:00.000001Z", "2024-01-01T00:00:00Z")]
    [InlineData("to=2024-01-01T00:10:00%2B00:05", "2024-01-01T00:00:00Z")]
    [InlineData("to=1969-12-31T23:59:00Z", "1970-01-01T00:00:00Z")]
    [InlineData("to=9999-12-31T23:59:59Z", "9999-12-31T23:45:00Z")]
    [InlineData("from=0001-01-01T00:00:01Z", "0001-01-01T00:00:00Z")]
    public async Task A_window_between_quarters_of_an_hour_is_refused_and_the_nearest_named(string query, string nearest)
    {
        var answer = await (await SharedHost.GetAsync()).GetAsync($"/api/v1/events/stats/u?{query}");
        answer.IsProblem(400, "unaligned_time");
        Assert.Contains($"the nearest is {nearest}.", answer.Json.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("from=now")]
    [InlineData("from=")]
    [InlineData("to=2024-01-01")]
    [InlineData("from=0001-01-01T00:00:00%2B00:15")]
    [InlineData("to=9999-12-31T23:45:00-00:15")]
    public async Task A_time_that_is_none_or_outside_the_calendar_is_refused(string query) =>
        (await (await SharedHost.GetAsync()).GetAsync($"/api/v1/events/stats/u?{query}")).IsProblem(400, "invalid_time");

    [Theory]
    [InlineData("from=0001-01-01T00:00:00Z")]
    [InlineData("to=9999-12-31T23:45:00Z")]
    [InlineData("from=2024-01-01T00:00:00Z&to=2023-01-01T00:00:00Z")]
    public async Task The_ends_of_the_calendar_and_an_empty_window_are_answered(string query) =>
        Assert.Equal(200, (await (await SharedHost.GetAsync()).GetAsync($"/api/v1/events/stats/u?{query}")).Status);

    [Fact]
    public async Task Without_a_store_the_answer_is_503_and_says_when_to_come_back()
    {
        await using var host = await IngestUnderTest.StartAsync();
        var answer = await host.GetAsync("/api/v1/events/stats/u");
        answer.IsProblem(503, "store_unavailable");
        Assert.NotNull(answer.Header("Retry-After"));
    }

    static async Task<List<string>> ProjectsAsync(IngestUnderTest host, string path)
    {
        var answer = await host.GetAsync($"/api/v1/events/stats/{path}");
        Assert.Equal((200, answer.Text), (answer.Status, answer.Text));
        return [.. answer.Json.GetProperty("projects").EnumerateArray().Select(p => p.GetProperty("project_id").GetString()!)];
    }

    /// <summary>Aggregates as the processors would have written them.</summary>
    static async Task StoreAsync(IngestUnderTest host, string user)
    {
        await Until.TrueAsync("the schema is there", TimeSpan.FromSeconds(30), host.Database!.HasSchemaAsync);
        var log = Interlocked.Increment(ref _stored);
        await host.Database.RowsAsync("""
            INSERT INTO rev_1.activity (log_id, tenant, user_id, project_id, bucket, event_type, tool, annotation_type, events, succeeded, durations, duration_us, duration_outliers, first_at, last_at)
            VALUES ($1, 'default', $2, 'p', '2024-01-01T00:00Z', 1, '', 'box', 3, 3, 3, 1500500, 0, '2024-01-01T00:01Z', '2024-01-01T00:10Z'),
                   ($1, 'default', $2, 'q', '2024-01-01T00:15Z', 1, '', 'box', 2, 0, 0, 0, 2, '2024-01-01T00:16Z', '2024-01-01T00:29Z'),
                   ($1, 'default', $2, 'r', '2024-01-01T00:15Z', 2, '', '', 9, 9, 9, 9, 0, '2024-01-01T00:16Z', '2024-01-01T00:29Z')
            """, _ => 0, log, user);
    }
}
