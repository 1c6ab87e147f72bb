using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>The documented request of an older client, byte for byte.</summary>
public sealed class OlderClientTests
{
    [Theory]
    [InlineData("application/json")]
    [InlineData("text/plain;charset=UTF-8")]
    public async Task Its_request_works_unchanged_and_its_tool_shows_in_both_stores(string contentType)
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(2, withInflux: true);
        await pipeline.StartProcessorsAsync();
        var ingest = await pipeline.StartIngestAsync();
        // The second time is a resend: accepted again, stored once.
        for (var i = 0; i < 2; i++)
        {
            using var content = new ByteArrayContent(await File.ReadAllBytesAsync(TestServers.Fixture("older-client-batch.json")));
            content.Headers.TryAddWithoutValidation("Content-Type", contentType);
            using var answer = await PipelineUnderTest.Http.PostAsync(new Uri(ingest.Url, "api/v1/events/batch"), content);
            Assert.Equal(200, (int)answer.StatusCode);
            using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
            Assert.Equal("success", json.RootElement.GetProperty("status").GetString());
            Assert.Equal("batch_001", json.RootElement.GetProperty("batch_id").GetString());
            Assert.Equal(1, json.RootElement.GetProperty("processed_count").GetInt32());
        }
        await pipeline.StoredToTheEndAsync();
        Assert.Equal(new Outcomes(Stored: 1, Duplicate: 1), await pipeline.Database.OutcomesAsync());
        Assert.Equal(("pc-tool", "user123", "project456"), (await pipeline.Database.RowsAsync("SELECT tool, user_id, project_id FROM rev_1.events", r => (r.GetString(0), r.GetString(1), r.GetString(2)))).Single());
        Assert.Equal("pc-tool", await pipeline.Database.ValueAsync<string>("SELECT tool FROM rev_1.activity"));
        await Until.TrueAsync("InfluxDB holds the point under its tool", TimeSpan.FromSeconds(30), async () => await pipeline.Influx!.CountsAsync("tool"), counts => counts.Count == 1 && counts.GetValueOrDefault("pc-tool") == 1);
        await AssertStatisticsAsync(ingest);
        await pipeline.Watch.AssertAlwaysZeroAsync();
    }

    static async Task AssertStatisticsAsync(HostProcess ingest)
    {
        using var json = JsonDocument.Parse(await PipelineUnderTest.Http.GetStringAsync(new Uri(ingest.Url, "api/v1/events/stats/user123")));
        var stats = json.RootElement;
        Assert.True(stats.GetProperty("known").GetBoolean());
        Assert.Equal(1, stats.GetProperty("total_annotations").GetInt64());
        Assert.Equal(5000, stats.GetProperty("total_time").GetDouble());
        Assert.Equal(5000, stats.GetProperty("avg_annotation_time").GetDouble());
        Assert.Equal(1, stats.GetProperty("projects_count").GetInt32());
        var project = stats.GetProperty("projects")[0];
        Assert.Equal("project456", project.GetProperty("project_id").GetString());
        Assert.Equal("2024-01-01T00:00:00Z", project.GetProperty("last_activity").GetString());
        using var unknown = JsonDocument.Parse(await PipelineUnderTest.Http.GetStringAsync(new Uri(ingest.Url, "api/v1/events/stats/nobody")));
        Assert.False(unknown.RootElement.GetProperty("known").GetBoolean());
        Assert.Equal(0, unknown.RootElement.GetProperty("total_annotations").GetInt64());
    }
}
