using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>The shipped examples, due every minute, on work of which the unusual day is known.</summary>
public sealed class ScheduledAnalysesTests
{
    const int Days = 60, Users = 6, UnusualDaysAgo = 9;
    const string Unusual = "user-0";

    static readonly TimeSpan Within = TimeSpan.FromMinutes(3);

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_due_is_analysed_once_whoever_looks_and_stands_in_both_stores_until_its_user_is_erased()
    {
        await using var queues = RabbitQueues.Create(road: "analysis");
        await using var pipeline = await (await PipelineUnderTest.CreateAsync(2, withInflux: true)).WithAnalysisAsync(2);
        var schedules = Path.GetTempFileName();
        await File.WriteAllTextAsync(schedules, System.Text.RegularExpressions.Regex.Replace(
            await File.ReadAllTextAsync(Path.Combine(TestServers.Repository, "src", "Processors", "schedules.yaml"), Stop), "cron: .*", "cron: \"* * * * *\""), Stop);
        (string, string)[] settings = [.. queues.Settings, ("Pipeline__Analysis__SchedulesFile", schedules), ("Pipeline__Influx__Timeout", "00:00:02"), ("Pipeline__Processors__DaysInterval", "00:00:01")];
        var store = await pipeline.StartProcessorsAsync([.. settings, ("Pipeline__Processors__Roles", "events-postgres,events-influx,failures,analysis,results-postgres")]);
        var health = await Until.TrueAsync("Python has started", Within, () => PipelineUnderTest.Http.GetFromJsonAsync<JsonElement>(new Uri(store.Url, "analysis/workers"), Stop), a => a.GetProperty("python").GetProperty("status").GetString() != "starting");
        if (health.GetProperty("python").GetProperty("status").GetString() != "ready")
            Assert.Skip(health.GetProperty("python").GetProperty("reason").GetString()!);
        var today = DateTime.UtcNow.Date;
        await pipeline.Topic.PublishAsync(Work(today));
        await pipeline.StoredToTheEndAsync();
        await pipeline.DaysAddedUpAsync();

        // Two processes look at the same time.
        await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => pipeline.StartProcessorsAsync([.. settings, ("Pipeline__Processors__Roles", "schedules")])));
        await Until.TrueAsync("two times were due and everything of the first is written", Within, () => pipeline.Database.ValueAsync<bool>("""
            SELECT count(DISTINCT due_at) >= 2 AND coalesce(bool_and(points_at IS NOT NULL) FILTER (WHERE due_at = (SELECT min(due_at) FROM pipeline.scheduled_results)), false) FROM pipeline.scheduled_results
            """));
        Assert.Equal(["throughput-forecast|1|completed|1", $"unusual-days|{Users}|completed|1", "work-styles|1|completed|1"], await pipeline.Database.RowsAsync("""
            SELECT concat_ws('|', schedule, count(*), min(r.state), max(t.attempts)) FROM pipeline.scheduled_results r JOIN control.tasks t USING (tenant, request_id)
            WHERE due_at = (SELECT min(due_at) FROM pipeline.scheduled_results) GROUP BY schedule ORDER BY 1
            """, r => r.GetString(0)));
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.dead_letters"));

        await AssertPointsAsync(pipeline, today);
        await AssertErasedAsync(pipeline);
        File.Delete(schedules);
    }

    static async Task AssertPointsAsync(PipelineUnderTest pipeline, DateTime today)
    {
        // 1. The unusual day, and no other of this user beyond the threshold by as much.
        var scores = (await pipeline.Influx!.AnalysesAsync("unusual-days", "row", "scores")).Where(p => p.User == Unusual).ToList();
        Assert.Equal(Days, scores.Select(s => s.Time).Distinct().Count());
        Assert.Equal(today.AddDays(-UnusualDaysAgo), scores.MaxBy(s => s.Value).Time);
        Assert.InRange(scores.Max(s => s.Value), 3.5, double.MaxValue);
        // 2. Forecasts of the fourteen days from the day of the run on, as its task's result has them.
        var (due, result) = (await pipeline.Database.RowsAsync("SELECT due_at, result ->> 'forecast' FROM pipeline.scheduled_results WHERE schedule = 'throughput-forecast' AND points_at IS NOT NULL ORDER BY due_at DESC LIMIT 1", r => (r.GetDateTime(0), r.GetString(1)))).Single();
        var ahead = (await pipeline.Influx!.AnalysesAsync("throughput-forecast", "ahead", "forecast")).Where(p => p.Time >= due.Date).OrderBy(p => p.Time).ToList();
        Assert.Equal(Enumerable.Range(0, 14).Select(d => due.Date.AddDays(d)), ahead.Select(p => p.Time));
        Assert.Equal(JsonSerializer.Deserialize<double[]>(result)!, ahead.Select(p => p.Value), (a, b) => Math.Abs(a - b) <= 1e-9 * Math.Abs(a));
        // 3. A label for each user.
        Assert.Equal(Enumerable.Range(0, Users).Select(u => $"user-{u}"), (await pipeline.Influx!.AnalysesAsync("work-styles", "row", "labels")).Select(p => p.User).Distinct().Order(StringComparer.Ordinal));
    }

    static async Task AssertErasedAsync(PipelineUnderTest pipeline)
    {
        var ingest = await pipeline.StartIngestAsync(("Pipeline__Ingest__Operations", "true"));
        using var answer = await PipelineUnderTest.Http.DeleteAsync(new Uri(ingest.Url, $"api/v1/events/events/{Unusual}"), Stop);
        var receipt = await answer.Content.ReadFromJsonAsync<JsonElement>(Stop);
        await Until.TrueAsync("every store is done", Within, async () =>
            (await PipelineUnderTest.Http.GetFromJsonAsync<JsonElement>(new Uri(ingest.Url, $"api/v1/erasures/{receipt.GetProperty("erasure_id").GetString()}"), Stop)).GetProperty("status").GetString(), s => s == "done");
        var until = await pipeline.Database.ValueAsync<DateTime>("SELECT now()");
        await Until.TrueAsync("another time was due", Within, () => pipeline.Database.ValueAsync<bool>("SELECT bool_or(due_at > $1 AND points_at IS NOT NULL) FROM pipeline.scheduled_results", until), so => so);
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM control.scheduled_runs WHERE user_id = $1", Unusual));
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM control.tasks WHERE metadata::text LIKE '%' || $1 || '\"%' OR result::text LIKE '%' || $1 || '\"%'", Unusual));
        foreach (var (schedule, field) in ((string, string)[])[("unusual-days", "scores"), ("work-styles", "labels")])
            Assert.DoesNotContain(await pipeline.Influx!.AnalysesAsync(schedule, "row", field), p => p.User == Unusual);
    }

    /// <summary>Six users, twelve annotations a day and their saves; each user has a pace of their own, that varies from day to day, and one of them a day at half of it.</summary>
    static IEnumerable<TopicRecord> Work(DateTime today)
    {
        var random = new Random(5);
        foreach (var user in Enumerable.Range(0, Users))
            foreach (var day in Enumerable.Range(1, Days))
            {
                var pace = (20 + (4 * user) + (2 * random.NextDouble())) * (user == 0 && day == UnusualDaysAgo ? 3 : 1);
                foreach (var i in Enumerable.Range(0, 12))
                    foreach (var type in (string[])["create", "save"])
                        yield return new TopicRecord(Encoding.UTF8.GetBytes($"user-{user}"), JsonSerializer.SerializeToUtf8Bytes(new
                        {
                            event_type = "annotation",
                            timestamp = today.AddDays(-day).AddHours(9).AddSeconds((pace * i) + (type == "save" ? 1 : 0)).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
                            user_id = $"user-{user}",
                            project_id = "project",
                            data = new { type, annotationType = "box", duration = 1000 * pace / 2, success = true, objectId = $"{user}-{day}-{i}" },
                        }));
            }
    }
}
