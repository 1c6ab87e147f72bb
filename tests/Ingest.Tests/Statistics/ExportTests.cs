using System.Globalization;
using System.Text;
using System.Text.Json;
using Pipeline.Ingest.Statistics;
using Pipeline.Ingest.Tests.Host;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Ingest.Tests.Statistics;

public sealed class ExportTests
{
    const int Members = 2500, Hours = 24;

    /// <summary>40 MB: less than the answer below.</summary>
    const string HeapBytesMax = "0x2800000";

    [Fact]
    public async Task Csv_and_json_hold_the_same_rows_and_every_metric()
    {
        var host = await StatisticsHost.GetAsync();
        const string project = "ex,\"port\"";
        await StatisticsHost.StoreAsync(host, "=é\"", project, "2024-03-30T22:45Z", 6, activeSlots: 36);
        await StatisticsHost.StoreAsync(host, "=é\"", project, "2024-03-31T21:45Z", 5, completed: 4);
        await StatisticsHost.StoreAsync(host, "not in the window", project, "2023-01-01T00:00Z", 5);
        // Berlin's 31st of March has 23 hours; the 1st of April is empty and left out.
        var query = $"project_id={Uri.EscapeDataString(project)}&from=2024-03-29T23:00:00Z&to=2024-04-01T22:00:00Z&bucket=day&tz=Europe/Berlin";
        var csv = await host.GetAsync($"/api/v1/stats/export?{query}");
        Assert.Equal((200, "text/csv"), (csv.Status, csv.Type));
        Assert.Contains("attachment", csv.Header("Content-Disposition"), StringComparison.Ordinal);
        var lines = Csv.Read(csv.Text);
        Assert.Equal(["user_id", "project_id", "start", "end", .. MetricDefinitions.InForce.Metrics.Select(m => m.Name)], lines[0]);
        Assert.Equal(["=é\"", project, "2024-03-29T23:00:00Z", "2024-03-30T23:00:00Z"], lines[1][..4]);
        Assert.Equal(["=é\"", project, "2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z"], lines[2][..4]);
        Assert.Equal([""], lines[^1]);
        Assert.Equal(4, lines.Count);
        Assert.EndsWith("\r\n", csv.Text, StringComparison.Ordinal);
        var json = await host.GetAsync($"/api/v1/stats/export?{query}&format=json");
        Assert.Equal((200, "application/json"), (json.Status, json.Type));
        var rows = json.Json.EnumerateArray().ToList();
        Assert.Equal(2, rows.Count);
        foreach (var (row, line) in rows.Zip(lines.Skip(1)))
            foreach (var (name, field) in lines[0].Zip(line))
                Assert.Equal((name, field), (name, Text(row.GetProperty(name))));
        Assert.Equal(("6", "360", "60"), (Field(lines, 1, "annotations_completed"), Field(lines, 1, "active_time_s"), Field(lines, 1, "annotations_per_hour")));
    }

    [Fact]
    public async Task Nothing_named_is_everybody_and_what_is_named_alone()
    {
        var host = await StatisticsHost.GetAsync();
        foreach (var (user, project) in ((string, string)[])[("x1", "y1"), ("x1", "y2"), ("x2", "y1"), ("x1'; DROP TABLE rev_1.members;--", "y1")])
            await StatisticsHost.StoreAsync(host, user, project, "2031-01-01T00:00Z", 1);
        const string window = "from=2031-01-01T00:00:00Z&to=2031-01-02T00:00:00Z";
        Assert.Equal("y1 x1, y1 x1'; DROP TABLE rev_1.members;--, y1 x2, y2 x1", await RowsAsync(host, window));
        Assert.Equal("y1 x1, y1 x1'; DROP TABLE rev_1.members;--, y1 x2", await RowsAsync(host, window + "&project_id=y1"));
        Assert.Equal("y1 x1, y2 x1", await RowsAsync(host, window + "&user_id=x1"));
        Assert.Equal("y2 x1", await RowsAsync(host, window + "&user_id=x1&project_id=y2"));
        Assert.Equal("y1 x1'; DROP TABLE rev_1.members;--", await RowsAsync(host, window + "&user_id=" + Uri.EscapeDataString("x1'; DROP TABLE rev_1.members;--")));
        Assert.Equal("", await RowsAsync(host, window + "&user_id=nobody"));
        Assert.Equal("", await RowsAsync(host, window + "&user_id=x2&project_id=y2"));
        Assert.Equal("", await RowsAsync(host, window + "&tool=other"));
        Assert.Equal("[]", (await host.GetAsync("/api/v1/stats/export?user_id=never-seen&format=json")).Text);
    }

    [Theory]
    [InlineData("format=xml", "format", "invalid_parameter")]
    [InlineData("bucket=day", "bucket", "invalid_parameter")]
    [InlineData("tz=../etc/passwd", "tz", "invalid_parameter")]
    [InlineData("from=2024-01-01T00:01:00Z", "from", "unaligned_time")]
    [InlineData("bucket=hour&from=2000-01-01T00:00:00Z&to=2024-01-01T00:00:00Z", "bucket", "too_many_buckets")]
    public async Task A_wrong_parameter_is_refused_by_its_name(string query, string parameter, string code)
    {
        var answer = await (await StatisticsHost.GetAsync()).GetAsync($"/api/v1/stats/export?{query}");
        answer.IsProblem(400, code);
        Assert.Equal(parameter, answer.Json.GetProperty("parameter").GetString());
    }

    [Fact]
    public async Task An_export_is_larger_than_the_hosts_memory_and_a_store_that_breaks_breaks_the_connection()
    {
        await using var host = await StatisticsHost.StartAsync(new() { ["DOTNET_GCHeapHardLimit"] = HeapBytesMax, ["DOTNET_gcServer"] = "0" });
        await StoreManyAsync(host);
        const string path = "/api/v1/stats/export?format=json&bucket=hour&from=2024-01-01T00:00:00Z&to=2024-01-02T00:00:00Z";
        Assert.Equal((true, Members * Hours), await DrainAsync(host, path));

        using var answer = await host.Http.GetAsync(path, HttpCompletionOption.ResponseHeadersRead);
        await using var stream = await answer.Content.ReadAsStreamAsync();
        await stream.ReadExactlyAsync(new byte[1]);
        // The first bytes are here, and the rest waits for its reader: it has not been asked of the store yet.
        await host.Database!.RowsAsync("ALTER VIEW pipeline.members RENAME TO members_gone", _ => 0);
        await Assert.ThrowsAnyAsync<IOException>(() => stream.CopyToAsync(Stream.Null));
        await host.Process.LoggedAsync("An export ended in the middle", TimeSpan.FromSeconds(10));
        // Before the first byte it is an answer like any other.
        (await host.GetAsync(path)).IsProblem(503, "store_unavailable");
    }

    /// <summary>Reads the answer without keeping it.</summary>
    /// <returns>Whether it was more than the heap may hold, and its rows.</returns>
    static async Task<(bool IsLarger, int Rows)> DrainAsync(IngestUnderTest host, string path)
    {
        using var answer = await host.Http.GetAsync(path, HttpCompletionOption.ResponseHeadersRead);
        await using var stream = await answer.Content.ReadAsStreamAsync();
        var buffer = new byte[1 << 16];
        var (bytes, rows) = (0L, 0);
        for (int read; (read = await stream.ReadAsync(buffer)) > 0; bytes += read)
            rows += buffer.AsSpan(0, read).Count((byte)'{');
        Seeds.Say($"an export of {bytes} bytes and {rows} rows through a heap of {HeapBytesMax}");
        return (bytes > Convert.ToInt64(HeapBytesMax, 16), rows);
    }

    static async Task StoreManyAsync(IngestUnderTest host)
    {
        await host.Database!.RowsAsync("INSERT INTO rev_1.members (tenant, project_id, user_id) SELECT 'default', 'large', 'member-' || m FROM generate_series(1, $1) m", _ => 0, Members);
        await host.Database.RowsAsync("""
            INSERT INTO rev_1.activity (log_id, tenant, user_id, project_id, bucket, event_type, tool, annotation_type, events, succeeded, durations, duration_us, duration_outliers, completed, first_at, last_at)
            SELECT 1, 'default', 'member-' || m, 'large', '2024-01-01T00:00Z'::timestamptz + h * '1 hour'::interval, 1, '', 'box', 7, 6, 5, 123456789, 0, 3, '2024-01-01T00:00Z', '2024-01-01T00:00Z'
            FROM generate_series(1, $1) m, generate_series(0, $2 - 1) h
            """, _ => 0, Members, Hours);
        await host.Database.RowsAsync("ANALYZE rev_1.members, rev_1.activity", _ => 0);
    }

    static async Task<string> RowsAsync(IngestUnderTest host, string query)
    {
        var answer = await host.GetAsync($"/api/v1/stats/export?{query}");
        Assert.Equal((200, answer.Text), (answer.Status, answer.Text));
        return string.Join(", ", Csv.Read(answer.Text).Skip(1).Where(l => l.Count > 1).Select(l => $"{l[1]} {l[0]}"));
    }

    static string Field(List<List<string>> lines, int line, string name) => lines[line][lines[0].IndexOf(name)];

    static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => "",
        JsonValueKind.Number => value.GetDouble().ToString(CultureInfo.InvariantCulture),
        _ => value.GetString()!,
    };
}
