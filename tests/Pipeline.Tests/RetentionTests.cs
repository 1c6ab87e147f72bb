using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>What has become old goes while the processors run; what was counted stays.</summary>
public sealed class RetentionTests
{
    static readonly TimeSpan Within = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Old_weeks_and_ids_go_and_totals_conservation_and_the_ids_of_within_the_window_stay()
    {
        TestServers.NeedsRealKafka("settings of topics");
        await using var pipeline = await PipelineUnderTest.CreateAsync(2);
        var events = RealEvents.Sample(2_000);
        await pipeline.Topic.PublishAsync(Records(events));
        var first = await pipeline.StartProcessorsAsync();
        await pipeline.StoredToTheEndAsync();
        // Nothing was configured: rows stay, ids as long as the topic's seven days and seven more.
        using (var health = await HealthAsync(first))
            Assert.Equal((TimeSpan.FromDays(14).TotalSeconds, JsonValueKind.Null), (health.RootElement.GetProperty("retention").GetProperty("ledger_s").GetDouble(), health.RootElement.GetProperty("retention").GetProperty("rows_s").ValueKind));
        Assert.Equal(0, await first.StopAsync(TimeSpan.FromSeconds(30)));
        var stored = await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.events");

        // Time passes: half of it was logged forty days ago, the rest ten.
        await pipeline.Database.RowsAsync("""
            DO $$ BEGIN
                SET LOCAL search_path = rev_1, pg_catalog;
                PERFORM ensure_week(now() - interval '40 days'), ensure_week(now() - interval '10 days');
                UPDATE events SET logged_at = logged_at - CASE WHEN "offset" % 2 = 0 THEN interval '40 days' ELSE interval '10 days' END;
                UPDATE event_ledger SET logged_at = logged_at - CASE WHEN "offset" % 2 = 0 THEN interval '40 days' ELSE interval '10 days' END;
                UPDATE control.retention SET ledger_from = ledger_from - interval '40 days';
            END $$
            """, _ => 0);
        var old = await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.event_ledger WHERE \"offset\" % 2 = 0");
        var before = await TotalsAsync(pipeline);
        var second = await pipeline.StartProcessorsAsync(("Pipeline__Retention__Rows", "20.00:00:00"), ("Pipeline__Retention__Interval", "00:00:01"));
        await Until.TrueAsync("the old half is gone", Within, () => CountsAsync(pipeline), counts => counts == (stored - old, stored - old));
        Assert.Equal(before, await TotalsAsync(pipeline));
        Assert.NotNull(second.Find("of rows was dropped"));
        Assert.NotNull(second.Find($"{old} ids that were logged before"));
        await Until.TrueAsync("the metrics say so", Within, async () => await PipelineUnderTest.Http.GetStringAsync(new Uri(second.Url, "metrics")),
            text => text.Contains("pipeline_retention_dropped_weeks_total 1", StringComparison.Ordinal) && text.Contains($"pipeline_retention_trimmed_ids_total {old}", StringComparison.Ordinal)
                && text.Contains("pipeline_retention_ledger_seconds 1209600", StringComparison.Ordinal));

        // All of it again: what is remembered is a duplicate, what the window has left behind is new.
        await pipeline.Topic.PublishAsync(Records(events));
        await pipeline.StoredToTheEndAsync();
        Assert.Equal((stored, stored), await CountsAsync(pipeline));
        Assert.Equal(new Outcomes(Stored: stored + old, Duplicate: (2L * events.Count) - stored - old), await pipeline.Database.OutcomesAsync());
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.conservation WHERE difference <> 0"));
        Assert.Equal(0, await second.StopAsync(TimeSpan.FromSeconds(30)));
    }

    static async Task<(long Rows, long Ids)> CountsAsync(PipelineUnderTest pipeline) =>
        (await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.events"), await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.event_ledger"));

    /// <summary>Everything that figures are made of.</summary>
    static Task<List<string>> TotalsAsync(PipelineUnderTest pipeline) => pipeline.Database.RowsAsync("""
        SELECT a::text FROM pipeline.activity a UNION ALL SELECT o::text FROM pipeline.objects o UNION ALL SELECT t::text FROM pipeline.tasks t UNION ALL SELECT u::text FROM pipeline.user_stats u ORDER BY 1
        """, r => r.GetString(0));

    static async Task<JsonDocument> HealthAsync(HostProcess processor)
    {
        await Until.TrueAsync("the window is known", Within, async () => (await PipelineUnderTest.Http.GetStringAnyAsync(new Uri(processor.Url, "health"))).Contains("\"ledger_s\":1209600", StringComparison.Ordinal));
        return JsonDocument.Parse(await PipelineUnderTest.Http.GetStringAnyAsync(new Uri(processor.Url, "health")));
    }

    static IEnumerable<TopicRecord> Records(IEnumerable<RawEvent> events) => events.Select(e => new TopicRecord(e.Key, e.Bytes));
}
