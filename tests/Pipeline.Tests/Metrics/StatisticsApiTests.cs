using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using Pipeline.Oracle;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests.Metrics;

/// <summary>What the API answers after a trace went through topic and processors, against the oracle.</summary>
public sealed class StatisticsApiTests
{
    const string Zone = "Asia/Kathmandu";

    [Fact]
    public async Task Teams_leaderboards_exports_and_quality_are_what_the_definitions_say()
    {
        var trace = Traces.Of(Seeds.Next().Next());
        var oracle = MetricsOracle.Of(trace);
        await using var pipeline = await PipelineUnderTest.CreateAsync(partitions: 1);
        await pipeline.Topic.PublishAsync(trace.Select(Record));
        await pipeline.StartProcessorsAsync();
        var ingest = await pipeline.StartIngestAsync();
        await pipeline.StoredToTheEndAsync();
        var times = oracle.Users.SelectMany(u => oracle.ProjectsOf(u)).Select(p => p.LastActivity).Order().ToList();
        var middle = times[times.Count / 2];
        var window = new Window(Quarter(middle.AddDays(-20)), Quarter(middle.AddDays(20)));
        foreach (var project in oracle.Projects)
        {
            await CompareTeamAsync(ingest, oracle, project, window);
            await CompareLeadersAsync(ingest, oracle, project, window);
            Assert.Empty(oracle.Quality(project, window).DifferencesTo(await AskAsync(ingest, $"stats/quality?{Text(window)}&project_id={Uri.EscapeDataString(project)}")));
        }
        Assert.Empty(oracle.Quality().DifferencesTo(await AskAsync(ingest, "stats/quality")));
        await CompareExportAsync(ingest, oracle, window);
    }

    static async Task CompareTeamAsync(HostProcess ingest, MetricsOracle oracle, string project, Window window)
    {
        var users = new List<JsonElement>();
        for (string? cursor = ""; cursor is not null;)
        {
            var page = await AskAsync(ingest, $"stats/projects/{Uri.EscapeDataString(project)}/users?limit=2&{Text(window)}{(cursor.Length == 0 ? "" : "&cursor=" + cursor)}");
            users.AddRange(page.GetProperty("users").EnumerateArray());
            cursor = page.GetProperty("next_cursor").GetString();
        }
        Assert.Equal(oracle.UsersOf(project).Select(u => u.User), users.Select(u => u.GetProperty("user_id").GetString()));
        foreach (var user in users)
            Assert.Empty(oracle.Ask(new Question { User = user.GetProperty("user_id").GetString(), Projects = [project], Window = window }).DifferencesTo(user));
    }

    static async Task CompareLeadersAsync(HostProcess ingest, MetricsOracle oracle, string project, Window window)
    {
        var answer = await AskAsync(ingest, $"stats/projects/{Uri.EscapeDataString(project)}/leaderboard?metric=active_time_s&order=asc&{Text(window)}");
        var expected = oracle.UsersOf(project).Select(u => oracle.Ask(new Question { User = u.User, Projects = [project], Window = window }).ActiveTimeS!.Value).Order().ToList();
        Assert.Equal(expected.Select(v => (expected.IndexOf(v) + 1, v)), answer.GetProperty("users").EnumerateArray().Select(u => (u.GetProperty("rank").GetInt32(), u.GetProperty("value").GetInt64())));
    }

    static async Task CompareExportAsync(HostProcess ingest, MetricsOracle oracle, Window window)
    {
        var rows = (await AskAsync(ingest, $"stats/export?format=json&bucket=day&tz={Zone}&{Text(window)}")).EnumerateArray().ToList();
        var expected = (from project in oracle.Projects
                        from user in oracle.UsersOf(project).Select(u => u.User)
                        from bucket in oracle.Series(new Question { User = user, Projects = [project], Window = window }, BucketSize.Day, TimeZoneInfo.FindSystemTimeZoneById(Zone))
                        where bucket.Figures.Events > 0 || bucket.Figures.SessionTimeS > 0
                        select (project, user, bucket)).ToList();
        Assert.NotEmpty(expected);
        Assert.Equal(expected.Select(e => (e.project, e.user, e.bucket.Window.From!.Value)), rows.Select(r => (r.GetProperty("project_id").GetString()!, r.GetProperty("user_id").GetString()!, r.GetProperty("start").GetDateTimeOffset())));
        foreach (var (row, (_, _, bucket)) in rows.Zip(expected))
            Assert.Empty(bucket.Figures.DifferencesTo(row));
    }

    internal static async Task<JsonElement> AskAsync(HostProcess ingest, string path)
    {
        using var answer = await PipelineUnderTest.Http.GetAsync(new Uri(ingest.Url, "api/v1/" + path));
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }

    static string Text(Window window) => $"from={window.From:yyyy-MM-ddTHH:mm:ss}Z&to={window.To:yyyy-MM-ddTHH:mm:ss}Z";

    static DateTimeOffset Quarter(DateTimeOffset time) => new(time.UtcTicks - (time.UtcTicks % TimeSpan.FromMinutes(15).Ticks), TimeSpan.Zero);

    /// <summary>As Ingest would have produced it: when it was received and sent, and of which tenant and tool, stands in the header.</summary>
    internal static TopicRecord Record(TraceEvent e)
    {
        var header = string.Join(';', "1", e.ReceivedAt.ToUnixTimeMilliseconds(), Uri.EscapeDataString(e.Tenant), "", "", e.SentAt?.ToUnixTimeMilliseconds().ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "",
            Uri.EscapeDataString(e.BatchTool ?? ""), "");
        return new TopicRecord(Encoding.UTF8.GetBytes("key"), e.Bytes, Headers: new Headers { { "ingest", Encoding.ASCII.GetBytes(header) } });
    }
}
