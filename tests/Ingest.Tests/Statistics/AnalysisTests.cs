using System.Text.Json;
using Pipeline.Ingest.Statistics;
using Pipeline.Ingest.Statistics.Analysis;
using Pipeline.Ingest.Tests.Host;

namespace Pipeline.Ingest.Tests.Statistics;

public sealed class AnalysisTests
{
    static readonly string[] Kinds = ["user-behavior", "operation-patterns", "efficiency-trends", "comparison", "recommendations"];

    const string Week = "from=2024-01-01T00:00:00Z&to=2024-01-08T00:00:00Z";

    [Fact]
    public async Task Behavior_is_told_by_the_clocks_of_the_zone()
    {
        var host = await StatisticsHost.GetAsync();
        // 13:45 on Monday and 00:00 on Tuesday in Kathmandu.
        await StatisticsHost.StoreAsync(host, "rhythm", "an", "2024-01-01T08:00Z", 5, activeSlots: 36);
        await StatisticsHost.StoreAsync(host, "rhythm", "an", "2024-01-01T18:15Z", 2, activeSlots: 90, completed: 1);
        await StatisticsHost.StoreAsync(host, "rhythm", "an", "2024-02-01T00:00Z", 99, activeSlots: 90);
        var answer = await AskAsync(host, $"user-behavior/rhythm?{Week}&tz=Asia/Kathmandu");
        Assert.Equal((1260, 2, 2, 630, 0), (Number(answer, "active_time_s"), Number(answer, "active_days"), Number(answer, "sessions"), Number(answer, "mean_session_s"), Number(answer, "idle_ratio")));
        var hours = answer.GetProperty("by_hour").EnumerateArray().Where(h => Number(h, "active_time_s") > 0).Select(h => h.GetRawText());
        Assert.Equal(["""{"hour":0,"active_time_s":900,"total_annotations":2,"annotations_completed":1}""", """{"hour":13,"active_time_s":360,"total_annotations":5,"annotations_completed":5}"""], hours);
        Assert.Equal(24, answer.GetProperty("by_hour").GetArrayLength());
        Assert.Equal([360, 900, 0, 0, 0, 0, 0], answer.GetProperty("by_weekday").EnumerateArray().Select(d => Number(d, "active_time_s")));
        Assert.Equal("monday", answer.GetProperty("by_weekday")[0].GetProperty("weekday").GetString());
        // An hour that a run goes over is cut where the clocks change it; the window cuts too.
        await StatisticsHost.StoreAsync(host, "across", "an", "2024-01-01T09:45Z", 1, activeSlots: 90);
        await StatisticsHost.StoreAsync(host, "across", "an", "2024-01-01T10:00Z", 1, activeSlots: 180);
        var across = await AskAsync(host, "user-behavior/across?from=2024-01-01T00:00:00Z&to=2024-01-01T10:15:00Z");
        Assert.Equal([900, 900], across.GetProperty("by_hour").EnumerateArray().Select(h => Number(h, "active_time_s")).Where(s => s > 0));
    }

    [Fact]
    public async Task Patterns_are_those_of_each_tool_and_each_annotation_type()
    {
        var host = await StatisticsHost.GetAsync();
        await StatisticsHost.StoreAsync(host, "patterns", "an", "2024-01-01T00:00Z", 5, tool: "brush", type: "mask", completed: 2);
        await StatisticsHost.StoreAsync(host, "patterns", "an", "2024-01-01T00:15Z", 3, tool: "", type: "box");
        await StatisticsHost.StoreAsync(host, "patterns", "an", "2024-01-02T00:15Z", 1, tool: "brush", type: "box");
        await host.Database!.RowsAsync("UPDATE rev_1.activity SET succeeded = 4, undos = 5, timed_completions = 2, completion_us = 3000000 WHERE user_id = 'patterns' AND annotation_type = 'mask'", _ => 0);
        var answer = await AskAsync(host, $"operation-patterns/patterns?{Week}");
        Assert.Equal(["", "brush"], answer.GetProperty("by_tool").EnumerateArray().Select(t => t.GetProperty("name").GetString() ?? ""));
        Assert.Equal(["box", "mask"], answer.GetProperty("by_annotation_type").EnumerateArray().Select(t => t.GetProperty("name").GetString()));
        Assert.Equal("""{"name":"mask","events":5,"annotations_completed":2,"time_per_object_p50_ms":null,"time_per_object_mean_ms":1500,"success_rate":0.8,"save_success_rate":null,"undo_rate":0.5}""",
            answer.GetProperty("by_annotation_type")[1].GetRawText());
        Assert.Equal((6, 3), (Number(answer.GetProperty("by_tool")[1], "events"), Number(answer.GetProperty("by_tool")[1], "annotations_completed")));
    }

    [Fact]
    public async Task Trends_are_slopes_over_the_buckets_that_have_a_value()
    {
        var host = await StatisticsHost.GetAsync();
        foreach (var (day, completed) in ((int, int)[])[(1, 10), (2, 20), (4, 40), (5, 900)])
            await StatisticsHost.StoreAsync(host, "trend", "an", $"2024-01-0{day}T00:00Z", completed, activeSlots: 36);
        var answer = await AskAsync(host, $"efficiency-trends/trend?{Week}");
        var trend = answer.GetProperty("trends").EnumerateArray().Single(t => t.GetProperty("metric").GetString() == "annotations_per_hour");
        // Pairs of 100, 200, none, 400, 9000: 100, 100, 100, 8900/4, 8800/3, 8600; the median of six lies between 100 and 8900/4.
        Assert.Equal((100 + (8900 / 4.0)) / 2, Number(trend, "slope"), 9);
        Assert.Equal((4, "1/h for each bucket", 7), (Number(trend, "buckets"), trend.GetProperty("unit").GetString(), answer.GetProperty("series").GetArrayLength()));
        Assert.Contains("median", answer.GetProperty("slope_formula").GetString(), StringComparison.Ordinal);
        var rework = answer.GetProperty("trends").EnumerateArray().Single(t => t.GetProperty("metric").GetString() == "rework_rate");
        Assert.Equal((JsonValueKind.Null, 0), (rework.GetProperty("slope").ValueKind, Number(rework, "buckets")));
        Assert.Equal(1, (await AskAsync(host, $"efficiency-trends/trend?{Week}&bucket=week")).GetProperty("series").GetArrayLength());
    }

    [Fact]
    public async Task A_user_is_compared_with_the_members_of_whom_anything_happened()
    {
        var host = await StatisticsHost.GetAsync();
        foreach (var n in Enumerable.Range(1, 4))
            await StatisticsHost.StoreAsync(host, $"cmp{n}", "compared", "2024-01-01T00:00Z", n, activeSlots: n == 4 ? 0 : 36);
        await StatisticsHost.StoreAsync(host, "cmp-away", "compared", "2025-01-01T00:00Z", 50);
        await StatisticsHost.StoreAsync(host, "cmp3", "compared-too", "2024-01-01T00:00Z", 1);
        var answer = await AskAsync(host, $"comparison/cmp3?{Week}&project_id=compared");
        var project = Assert.Single(answer.GetProperty("projects").EnumerateArray());
        Assert.Equal(("compared", 4), (project.GetProperty("project_id").GetString(), Number(project, "members")));
        Assert.Equal(MetricDefinitions.InForce.Metrics.Select(m => m.Name), project.GetProperty("metrics").EnumerateArray().Select(m => m.GetProperty("metric").GetString()));
        Assert.Equal("""{"metric":"annotations_completed","unit":"count","value":3,"compared":4,"q1":1.75,"median":2.5,"q3":3.25,"percentile_rank":62.5}""", Metric(project, "annotations_completed"));
        Assert.Equal("""{"metric":"annotations_per_hour","unit":"1/h","value":30,"compared":3,"q1":15,"median":20,"q3":25,"percentile_rank":83.33333333333333}""", Metric(project, "annotations_per_hour"));
        Assert.Equal("""{"metric":"fps_p5","unit":"fps","value":null,"compared":0,"q1":null,"median":null,"q3":null,"percentile_rank":null}""", Metric(project, "fps_p5"));
        Assert.Equal(["compared", "compared-too"], (await AskAsync(host, $"comparison/cmp3?{Week}")).GetProperty("projects").EnumerateArray().Select(p => p.GetProperty("project_id").GetString()));
        Assert.Equal("""{"metric":"events","unit":"count","value":null,"compared":4,"q1":1.75,"median":2.5,"q3":3.25,"percentile_rank":null}""",
            Metric((await AskAsync(host, $"comparison/nobody?{Week}&project_id=compared")).GetProperty("projects")[0], "events"));
    }

    [Fact]
    public async Task Recommendations_are_rules_with_their_value_their_threshold_and_their_formula()
    {
        var host = await StatisticsHost.GetAsync();
        await StatisticsHost.StoreAsync(host, "advice", "an", "2024-01-01T00:00Z", 10, activeSlots: 36);
        await host.Database!.RowsAsync("UPDATE rev_1.activity SET succeeded = 9, undos = 2 WHERE user_id = 'advice'", _ => 0);
        var answer = await AskAsync(host, $"recommendations/advice?{Week}");
        var fired = Assert.Single(answer.GetProperty("fired").EnumerateArray());
        Assert.Equal(("failed_annotations", "success_rate", 0.9, 0.95, "success_rate < 0.95", true), (fired.GetProperty("name").GetString(), fired.GetProperty("metric").GetString(),
            Number(fired, "value"), Number(fired, "threshold"), fired.GetProperty("formula").GetString(), fired.GetProperty("fires").GetBoolean()));
        Assert.NotEmpty(fired.GetProperty("text").GetString()!);
        Assert.Equal(Rule.All.Count - 1, answer.GetProperty("not_fired").GetArrayLength());
        Assert.Contains(answer.GetProperty("not_fired").EnumerateArray(), r => r.GetProperty("value").ValueKind == JsonValueKind.Null);
        var thresholds = (await host.GetAsync("/api/v1/metrics/definitions")).Json.GetProperty("thresholds");
        Assert.All(Rule.All, r => Assert.Equal(r.Threshold, Number(thresholds, r.Name)));
    }

    [Fact]
    public async Task Raw_counts_are_those_of_stored_events()
    {
        var host = await StatisticsHost.GetAsync();
        await StatisticsHost.StoreAsync(host, "raw", "p1", "2024-01-01T00:00Z", 5, tool: "brush", type: "mask");
        await StatisticsHost.StoreAsync(host, "raw", "p2", "2024-01-03T00:00Z", 2);
        await host.Database!.RowsAsync("""
            INSERT INTO rev_1.activity (log_id, tenant, user_id, project_id, bucket, event_type, tool, annotation_type, events, succeeded, durations, duration_us, duration_outliers, first_at, last_at)
            VALUES (1, 'default', 'raw', 'p1', '2024-01-02T00:00Z', 2, '', '', 3, 0, 0, 0, 1, '2024-01-02T00:01Z', '2024-01-02T00:02Z')
            """, _ => 0);
        var answer = (await host.GetAsync($"/api/v1/events/raw-stats/raw?{Week}")).Json;
        Assert.Equal((10, 7, 7000, 1), (Number(answer, "events"), Number(answer, "durations"), Number(answer, "total_duration_ms"), Number(answer, "duration_outliers")));
        Assert.Equal(("2024-01-01T00:00:00Z", "2024-01-03T00:01:00Z"), (answer.GetProperty("first_event").GetString(), answer.GetProperty("last_event").GetString()));
        Assert.Equal("annotation 7, task_status 3", Names(answer, "by_event_type"));
        Assert.Equal("p1 8, p2 2", Names(answer, "by_project"));
        Assert.Equal(" 5, brush 5", Names(answer, "by_tool"));
        Assert.Equal("box 2, mask 5", Names(answer, "by_annotation_type"));
        Assert.Equal(2, Number((await host.GetAsync("/api/v1/events/raw-stats/raw?project_id=p2")).Json, "events"));
        var away = (await host.GetAsync("/api/v1/events/raw-stats/raw?from=2030-01-01T00:00:00Z")).Json;
        Assert.Equal((0, true, JsonValueKind.Null), (Number(away, "events"), away.GetProperty("known").GetBoolean(), away.GetProperty("first_event").ValueKind));
    }

    [Theory]
    [InlineData("nobody")]
    [InlineData("'; DROP TABLE pipeline.activity;--")]
    [InlineData("$1 OR true")]
    [InlineData("a/b")]
    [InlineData("{user_id}")]
    public async Task An_unknown_user_is_no_error_and_an_id_nothing_but_a_text(string user)
    {
        var host = await StatisticsHost.GetAsync();
        foreach (var call in Kinds.Select(k => $"analysis/{k}").Append("raw-stats"))
        {
            var answer = await host.GetAsync($"/api/v1/events/{call}/{Uri.EscapeDataString(user)}?{Week}&project_id={Uri.EscapeDataString(user)}");
            Assert.Equal((call, 200, user, false), (call, answer.Status, answer.Json.GetProperty("user_id").GetString(), answer.Json.GetProperty("known").GetBoolean()));
            Assert.Equal("""{"from":"2024-01-01T00:00:00Z","to":"2024-01-08T00:00:00Z"}""", answer.Json.GetProperty("window").GetRawText());
            Assert.NotEqual(JsonValueKind.Null, answer.Json.GetProperty("definitions").ValueKind);
        }
    }

    [Theory]
    [InlineData("user-behavior/u?tz=Nowhere", "tz", "invalid_parameter")]
    [InlineData("user-behavior/u?gap_s=601", "gap_s", "invalid_parameter")]
    [InlineData("operation-patterns/u?from=x", "from", "invalid_time")]
    [InlineData("efficiency-trends/u", "bucket", "invalid_parameter")]
    [InlineData("efficiency-trends/u?bucket=hour&" + Week, "bucket", "invalid_parameter")]
    [InlineData("comparison/u?to=2024-01-01T00:01:00Z", "to", "unaligned_time")]
    public async Task A_wrong_parameter_is_refused_by_its_name(string path, string parameter, string code)
    {
        var answer = await (await StatisticsHost.GetAsync()).GetAsync($"/api/v1/events/analysis/{path}");
        answer.IsProblem(400, code);
        Assert.Equal(parameter, answer.Json.GetProperty("parameter").GetString());
    }

    static async Task<JsonElement> AskAsync(IngestUnderTest host, string path)
    {
        var answer = await host.GetAsync($"/api/v1/events/analysis/{path}");
        Assert.Equal((200, answer.Text), (answer.Status, answer.Text));
        Assert.All(answer.Json.GetProperty("definitions").EnumerateArray(), d => Assert.NotEmpty(d.GetProperty("text").GetString()!));
        return answer.Json;
    }

    static double Number(JsonElement from, string name) => from.GetProperty(name).GetDouble();

    static string Metric(JsonElement project, string name) => project.GetProperty("metrics").EnumerateArray().Single(m => m.GetProperty("metric").GetString() == name).GetRawText();

    static string Names(JsonElement answer, string by) => string.Join(", ", answer.GetProperty(by).EnumerateArray().Select(c => $"{c.GetProperty("name").GetString()} {c.GetProperty("events")}"));
}
