using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>A topic to which others than Ingest publish: what its headers claim is not believed, and it is seen that they claim it.</summary>
public sealed class UntrustedHeadersTests
{
    [Fact]
    public async Task Headers_of_a_topic_that_is_not_trusted_are_ignored_and_counted_by_each_road()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1, withInflux: true);
        await pipeline.Topic.PublishAsync([
            Record("claims another tenant", "1;1714521600000;victim;b;0;;tool;1"), Record("claims what nobody can read", "nonsense"), Record("claims nothing", null), Record(null, "1;1714521600000;victim;b;0;;;"),
            // A header of somebody else's says nothing about the event.
            Record("traced", "00-1-2-01", "traceparent")]);
        var processors = await pipeline.StartProcessorsAsync(("Pipeline__Kafka__EventTopics__0__TrustHeaders", "false"), ("Pipeline__Kafka__EventTopics__0__Tenant", "theirs"));
        await pipeline.StoredToTheEndAsync();
        Assert.Equal([("theirs", "claims another tenant"), ("theirs", "claims nothing"), ("theirs", "claims what nobody can read"), ("theirs", "traced")],
            await pipeline.Database.RowsAsync("SELECT tenant, user_id FROM rev_1.events ORDER BY user_id", r => (r.GetString(0), r.GetString(1))));
        // The one that is no event: its dead letter is the topic's tenant's too.
        Assert.Equal(["theirs"], await pipeline.Database.RowsAsync("SELECT tenant FROM pipeline.dead_letters", r => r.GetString(0)));
        foreach (var road in (string[])["events-postgres", "events-influx"])
            await Until.TrueAsync($"{road} has counted three", TimeSpan.FromSeconds(30), () => CountsAsync(processors, road), counts => counts == (3, 3));
    }

    static TopicRecord Record(string? user, string? header, string name = "ingest") => new("k"u8.ToArray(),
        user is null ? "{"u8.ToArray() : JsonSerializer.SerializeToUtf8Bytes(new { event_type = "error", timestamp = "2024-05-01T00:00:00Z", user_id = user, project_id = "p", data = new { type = "t", message = "m" } }),
        Headers: header is null ? null : new Headers { { name, Encoding.ASCII.GetBytes(header) } });

    static async Task<(long InHealth, long InMetrics)> CountsAsync(HostProcess processors, string road)
    {
        using var health = JsonDocument.Parse(await PipelineUnderTest.Http.GetStringAnyAsync(new Uri(processors.Url, "health")));
        var shown = health.RootElement.GetProperty("roads").TryGetProperty(road, out var partitions) ? partitions.EnumerateArray().Sum(p => p.GetProperty("counts").GetProperty("untrusted_headers").GetInt64()) : 0;
        var metrics = (await PipelineUnderTest.Http.GetStringAsync(new Uri(processors.Url, "metrics"))).Split('\n');
        var line = Array.Find(metrics, l => l.StartsWith("pipeline_process_untrusted_headers_total", StringComparison.Ordinal) && l.Contains($"road=\"{road}\"", StringComparison.Ordinal));
        return (shown, line is null ? 0 : long.Parse(line.Split("} ")[1].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture));
    }
}
