using System.Text.Json;
using Pipeline.Ingest.Tests.Host;

namespace Pipeline.Ingest.Tests.Statistics;

public sealed class QualityTests
{
    [Fact]
    public async Task Counts_of_receipt_add_up_over_logs_and_buckets()
    {
        var host = await StatisticsHost.GetAsync();
        await host.Database!.RowsAsync("""
            INSERT INTO rev_1.quality (bucket, log_id, tenant, project_id, outcome, events, late, skewed, outliers, deliveries) VALUES
                ('2032-01-01T00:00Z', 1, 'default', 'q', 'stored', 8, 1, 2, 3, '\x000a00000002'), ('2032-01-01T00:15Z', 2, 'default', 'q', 'stored', 2, 1, 0, 0, NULL),
                ('2032-01-01T00:15Z', 1, 'default', 'other', 'stored', 1, 0, 0, 0, NULL), ('2032-01-01T00:00Z', 1, 'another', 'q', 'stored', 99, 0, 0, 0, NULL),
                ('2032-01-01T01:00Z', 1, 'default', 'q', 'duplicate', 5, 0, 0, 0, NULL), ('2032-01-01T01:00Z', 1, 'default', '', 'malformed_json', 6, 0, 0, 0, NULL),
                ('2032-01-02T00:00Z', 1, 'default', 'q', 'stored', 77, 0, 0, 0, NULL)
            """, _ => 0);
        const string window = "from=2032-01-01T00:00:00Z&to=2032-01-02T00:00:00Z";
        var project = await AskAsync(host, $"{window}&project_id=q");
        Assert.Equal((10, 0.2, 2, 3, 5, 0.01), (project.GetProperty("received").GetInt32(), project.GetProperty("late_share").GetDouble(), project.GetProperty("skewed").GetInt32(),
            project.GetProperty("outliers").GetInt32(), project.GetProperty("duplicates").GetInt32(), project.GetProperty("delivery_p95_ms").GetDouble()));
        foreach (var name in (string[])["dead_letters", "rejected", "refused_batches", "client_dropped", "coverage"])
            Assert.Equal((name, JsonValueKind.Null), (name, project.GetProperty(name).ValueKind));
        var tenant = await AskAsync(host, $"{window}&bucket=hour");
        Assert.Equal((11, """{"malformed_json":6}""", "{}", 0), (tenant.GetProperty("received").GetInt32(), tenant.GetProperty("dead_letters").GetRawText(), tenant.GetProperty("rejected").GetRawText(), tenant.GetProperty("client_dropped").GetInt32()));
        Assert.Equal([11, 0], tenant.GetProperty("series").EnumerateArray().Take(2).Select(b => b.GetProperty("received").GetInt32()));
        Assert.Equal((24, 5), (tenant.GetProperty("series").GetArrayLength(), tenant.GetProperty("series")[1].GetProperty("duplicates").GetInt32()));
        var nothing = await AskAsync(host, $"{window}&project_id={Uri.EscapeDataString("' OR 1=1;--")}");
        Assert.Equal((0, JsonValueKind.Null, JsonValueKind.Null), (nothing.GetProperty("received").GetInt32(), nothing.GetProperty("late_share").ValueKind, nothing.GetProperty("delivery_p95_ms").ValueKind));
    }

    [Fact]
    public async Task A_session_is_covered_by_a_performance_event_long_after_the_window()
    {
        var host = await StatisticsHost.GetAsync();
        // Every half an hour for ten hours, over two projects; the only performance event in the last.
        for (var hour = 0; hour < 10; hour++)
            await SlotsAsync(host, "long", hour % 2 == 0 ? "c1" : "c2", $"2033-01-01T{hour:d2}:00Z", [0, 180, 359], hour == 9 ? [359] : []);
        // Began before the window: it is not counted in it.
        await SlotsAsync(host, "early", "c1", "2032-12-31T23:00Z", [300, 359], []);
        await SlotsAsync(host, "early", "c1", "2033-01-01T00:00Z", [10], [10]);
        // Two sessions, one covered: 1,810 s between them.
        await SlotsAsync(host, "twice", "c1", "2033-01-01T00:00Z", [0, 181], [181]);
        const string window = "from=2033-01-01T00:00:00Z&to=2033-01-01T01:00:00Z";
        Assert.Equal((3, 2), await SessionsAsync(host, window));
        // In one project alone there are hours without a slot, and sessions are shorter.
        Assert.Equal((3, 1), await SessionsAsync(host, window + "&project_id=c1"));
        Assert.Equal((0, 0), await SessionsAsync(host, "from=2033-01-01T01:00:00Z&to=2033-01-02T00:00:00Z"));
        var series = (await AskAsync(host, "from=2032-12-31T00:00:00Z&to=2033-01-02T00:00:00Z&bucket=day")).GetProperty("series").EnumerateArray().ToList();
        Assert.Equal([1, 3], series.Select(b => b.GetProperty("sessions").GetInt32()));
        Assert.Equal([1, 2], series.Select(b => b.GetProperty("sessions_with_performance").GetInt32()));
    }

    [Theory]
    [InlineData("bucket=day", "bucket")]
    [InlineData("bucket=minute&from=2024-01-01T00:00:00Z&to=2024-01-02T00:00:00Z", "bucket")]
    [InlineData("tz=nowhere", "tz")]
    public async Task A_wrong_parameter_is_refused_by_its_name(string query, string parameter)
    {
        var answer = await (await StatisticsHost.GetAsync()).GetAsync($"/api/v1/stats/quality?{query}");
        answer.IsProblem(400, "invalid_parameter");
        Assert.Equal(parameter, answer.Json.GetProperty("parameter").GetString());
    }

    static async Task<(int, int)> SessionsAsync(IngestUnderTest host, string query)
    {
        var answer = await AskAsync(host, query);
        return (answer.GetProperty("sessions").GetInt32(), answer.GetProperty("sessions_with_performance").GetInt32());
    }

    static async Task<JsonElement> AskAsync(IngestUnderTest host, string query)
    {
        var answer = await host.GetAsync($"/api/v1/stats/quality?{query}");
        Assert.Equal((200, answer.Text), (answer.Status, answer.Text));
        return answer.Json;
    }

    /// <param name="present">Slots of the hour, which may lie in the half hours before and behind it.</param>
    static async Task SlotsAsync(IngestUnderTest host, string user, string project, string hour, int[] present, int[] performance)
    {
        await host.Database!.RowsAsync("INSERT INTO rev_1.members (tenant, project_id, user_id) VALUES ('default', $1, $2) ON CONFLICT DO NOTHING", _ => 0, project, user);
        foreach (var (type, slots) in ((int, int[])[])[(4, present), (5, performance)])
            foreach (var quarter in slots.GroupBy(s => s / 90))
                await host.Database.RowsAsync("""
                    INSERT INTO rev_1.activity (log_id, tenant, user_id, project_id, bucket, event_type, tool, annotation_type, events, succeeded, durations, duration_us, duration_outliers, slots, first_at, last_at)
                    VALUES (1, 'default', $1, $2, $3::text::timestamptz + $4 * interval '15 min', $5, '', '', 1, 1, 0, 0, 0, $6::text::bit(270), now(), now())
                    """, _ => 0, user, project, hour, quarter.Key, (short)type, new string([.. Enumerable.Range(-180, 270).Select(i => quarter.Contains((quarter.Key * 90) + i) ? '1' : '0')]));
    }
}
