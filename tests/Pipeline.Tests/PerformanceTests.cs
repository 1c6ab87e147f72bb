using System.Globalization;
using System.Text;
using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>What a tool measured comes back as the series of its project.</summary>
public sealed class PerformanceTests
{
    static readonly string[] Metrics = ["fps", "memory_usage", "cpu_usage", "render_time", "network_latency", "load_time"];
    static readonly DateTime From = new(2024, 5, 1, 0, 0, 0, DateTimeKind.Utc), To = From.AddDays(1);

    sealed record Sample(string ProjectId, string UserId, DateTime Time, Dictionary<string, double?> Values);

    [Fact]
    public async Task Events_sent_by_HTTP_appear_in_the_series_of_their_project_and_a_resend_changes_nothing()
    {
        var random = Seeds.Next();
        await using var pipeline = await PipelineUnderTest.CreateAsync(3, withInflux: true);
        await pipeline.StartProcessorsAsync();
        var ingest = await pipeline.StartIngestAsync();
        var samples = Enumerable.Range(0, 1_000).Select(_ => Any(random)).ToList();
        await SendAsync(ingest, samples);
        foreach (var project in (string[])["p", "q"])
            await ShowsAsync(ingest, project, samples);
        await SendAsync(ingest, samples);
        await pipeline.StoredToTheEndAsync();
        Assert.Equal(new Outcomes(Stored: 1_000, Duplicate: 1_000), await pipeline.Database.OutcomesAsync());
        // events-influx goes its own way: what is sent last of a partition's key is written last.
        List<Sample> last = [.. new[] { "u1", "u2", "u3", "u4", "u5" }.Select(user => new Sample("last", user, From, new() { ["fps"] = 1 }))];
        await SendAsync(ingest, last);
        foreach (var sample in last)
            await ShowsAsync(ingest, "last", [sample], $"&user_id={sample.UserId}");
        foreach (var project in (string[])["p", "q"])
            await ShowsAsync(ingest, project, samples);
    }

    static Sample Any(Random random) => new(random.Next(2) == 0 ? "p" : "q", $"u{random.Next(1, 6)}", From.AddSeconds(random.Next(24 * 3600)),
        Metrics.Where(_ => random.Next(3) > 0).ToDictionary(m => m, _ => random.Next(5) == 0 ? null : (double?)Math.Round(random.NextDouble() * 100, 2)));

    static async Task SendAsync(HostProcess ingest, List<Sample> samples)
    {
        var events = samples.Select(s => new { event_type = "performance", timestamp = s.Time, user_id = s.UserId, project_id = s.ProjectId, data = s.Values });
        using var content = new StringContent(JsonSerializer.Serialize(new { batch_id = $"performance-{samples.Count}", events }), Encoding.UTF8, "application/json");
        using var answer = await PipelineUnderTest.Http.PostAsync(new Uri(ingest.Url, "api/v1/events/batch"), content);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    static Task ShowsAsync(HostProcess ingest, string project, List<Sample> samples, string filter = "") =>
        Until.TrueAsync($"project {project} has its series{filter}", TimeSpan.FromSeconds(60), async () => Difference(Expected(samples.Where(s => s.ProjectId == project)), await ReadAsync(ingest, project, filter)), difference => difference.Length == 0);

    static async Task<Dictionary<(string, DateTime), double>> ReadAsync(HostProcess ingest, string project, string filter)
    {
        var path = $"api/v1/events/performance/{project}?from={From:yyyy-MM-ddTHH:mm:ssZ}&to={To:yyyy-MM-ddTHH:mm:ssZ}{filter}";
        using var json = JsonDocument.Parse(await PipelineUnderTest.Http.GetStringAsync(new Uri(ingest.Url, path)));
        Assert.Equal(300, json.RootElement.GetProperty("step_s").GetInt32());
        Assert.Equal(Metrics, json.RootElement.GetProperty("metrics").EnumerateObject().Select(m => m.Name));
        return json.RootElement.GetProperty("metrics").EnumerateObject().SelectMany(m => m.Value.EnumerateArray(), (m, point) => (Metric: m.Name, Point: point))
            .ToDictionary(p => (p.Metric, p.Point.GetProperty("time").GetDateTime()), p => p.Point.GetProperty("value").GetDouble());
    }

    /// <summary>Plainly: the mean of every metric's values per five minutes.</summary>
    static Dictionary<(string, DateTime), double> Expected(IEnumerable<Sample> samples) => samples
        .SelectMany(s => s.Values.Where(v => v.Value is not null), (s, v) => (Metric: v.Key, Step: s.Time.AddSeconds(-(s.Time - From).TotalSeconds % 300), Value: v.Value!.Value))
        .GroupBy(v => (v.Metric, v.Step)).ToDictionary(g => g.Key, g => g.Average(v => v.Value));

    static string Difference(Dictionary<(string, DateTime), double> expected, Dictionary<(string, DateTime), double> shown) => string.Join('\n', expected.Keys.Union(shown.Keys)
        .Where(k => !expected.TryGetValue(k, out var e) || !shown.TryGetValue(k, out var s) || Math.Abs(e - s) > 1e-9)
        .Select(k => string.Create(CultureInfo.InvariantCulture, $"{k}: expected {expected.GetValueOrDefault(k)}, shown {shown.GetValueOrDefault(k)}")).Take(5));
}
