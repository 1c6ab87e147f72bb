using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;

namespace Pipeline.Benchmarks;

/// <summary>Kafka → InfluxDB: ours, the same lines posted by HttpClient alone, and Telegraf. Events of one month.</summary>
static class InfluxBenchmark
{
    public static async Task RunAsync(Servers servers, Report report, bool quick)
    {
        if (!servers.InfluxV2)
        {
            report.Line("  not run: needs InfluxDB 2, which counts points by Flux; this run has 1.x");
            return;
        }
        var trace = new Trace(servers.Repository, InOneMonth);
        int count = Math.Min(trace.Count, quick ? 40_000 : int.MaxValue) * (quick ? 1 : 4);
        report.Line($"  input: {trace.Source}, {count} events with fresh ids, all in June 2026");
        var topic = await servers.NewTopicAsync("influx");
        trace.Publish(servers.Kafka, topic, count, seed: 6, header: false);
        List<double> ours = [], peers = [], raw = [];
        for (var round = 0; round < (quick ? 1 : 3); round++)
        {
            ours.Add(await OursAsync(servers, report, topic, count));
            raw.Add(await RawAsync(servers, trace, count));
            if (servers.Toolbox is not null)
                peers.Add(await TelegrafAsync(servers, report, topic, count));
        }
        report.Figure("events-influx", Report.Median(ours), "events/s");
        report.Figure("the lines alone by HttpClient, two at a time", Report.Median(raw), "events/s");
        report.Ratio("events-influx / lines alone", Report.Median(ours), Report.Median(raw), "(for orientation)");
        if (peers.Count > 0)
        {
            report.Figure("Telegraf", Report.Median(peers), "events/s");
            report.Ratio("events-influx / Telegraf", Report.Median(ours), Report.Median(peers), "≥ 2");
        }
        await servers.DropTopicAsync(topic);
    }

    static JsonObject InOneMonth(JsonObject source)
    {
        var time = DateTimeOffset.Parse((string)source["timestamp"]!, CultureInfo.InvariantCulture);
        var inMonth = new DateTimeOffset(2026, 6, Math.Min(time.Day, 30), time.Hour, time.Minute, time.Second, time.Millisecond, TimeSpan.Zero);
        source["timestamp"] = inMonth.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        return source;
    }

    static async Task<double> OursAsync(Servers servers, Report report, string topic, int count)
    {
        var bucket = await NewBucketAsync(servers);
        var database = await servers.NewDatabaseAsync();
        await using var host = HostProcess.Ours(servers, "Processors", new()
        {
            ["Pipeline__Kafka__EventTopics__0__Name"] = topic, ["Pipeline__Kafka__GroupPrefix"] = $"{topic}.{bucket}.",
            ["Pipeline__Postgres__ConnectionString"] = database, ["Pipeline__Processors__Roles"] = "events-influx",
            ["Pipeline__Influx__Url"] = servers.Influx.ToString(), ["Pipeline__Influx__Token"] = servers.InfluxToken,
            ["Pipeline__Influx__Org"] = servers.InfluxOrg, ["Pipeline__Influx__Bucket"] = bucket,
        });
        using var http = new HttpClient { BaseAddress = await host.ListeningAsync() };
        var progress = new Progress();
        long done;
        do
        {
            await Task.Delay(50);
            var line = (await http.GetStringAsync("metrics")).Split('\n').FirstOrDefault(l => l.StartsWith("pipeline_write_points_total", StringComparison.Ordinal));
            done = line is null ? 0 : (long)double.Parse(line.Split(' ')[^1], CultureInfo.InvariantCulture);
            progress.Note(done);
        }
        while (done < count && progress.Alive);
        var points = await PointsAsync(servers, bucket, "efficiency_events", "count");
        report.Line($"  ours: {points} points of {count} events ({count - points} overwritten), CPU {host.Cpu.TotalSeconds / count * 1e6:N1} s per million, memory {host.ResidentMiB:N0} MiB");
        await DropBucketAsync(servers, bucket);
        await host.DisposeAsync();
        await servers.DropDatabaseAsync(database);
        return progress.Rate;
    }

    static async Task<double> TelegrafAsync(Servers servers, Report report, string topic, int count)
    {
        var bucket = await NewBucketAsync(servers);
        await using var peer = HostProcess.Peer(servers, "telegraf-influxdb.conf", new()
        {
            ["KAFKA"] = servers.Kafka, ["TOPIC"] = topic, ["GROUP"] = $"{topic}.{bucket}", ["INFLUX_URL"] = servers.Influx.ToString().TrimEnd('/'),
            ["INFLUX_TOKEN"] = servers.InfluxToken, ["INFLUX_ORG"] = servers.InfluxOrg, ["INFLUX_BUCKET"] = bucket,
        })!;
        var progress = new Progress();
        long lag;
        // Telegraf says nothing of its progress; the offsets that its group committed do.
        do
        {
            await Task.Delay(50);
            lag = await GroupProgress.DoneAsync(servers, $"{topic}.{bucket}", topic);
            progress.Note(lag);
        }
        while (lag < count && progress.Alive);
        var points = await PointsAsync(servers, bucket, "activity", "duration");
        report.Line($"  Telegraf: {points} points of {count} events ({(count - points) * 100.0 / count:N1} % overwritten)");
        await DropBucketAsync(servers, bucket);
        return progress.Rate;
    }

    /// <summary>Ready-made lines of the same fields, 5,000 a request, two requests at a time.</summary>
    static async Task<double> RawAsync(Servers servers, Trace trace, int count)
    {
        var bucket = await NewBucketAsync(servers);
        var bodies = Enumerable.Range(0, count / 5000).Select(part => Lines(trace, part * 5000)).ToList();
        using var http = Client(servers);
        var clock = Stopwatch.StartNew();
        await Parallel.ForEachAsync(bodies, new ParallelOptions { MaxDegreeOfParallelism = 2 }, async (body, stop) =>
        {
            using var answer = await http.PostAsync($"api/v2/write?org={servers.InfluxOrg}&bucket={bucket}&precision=ns", new ByteArrayContent(body), stop);
            answer.EnsureSuccessStatusCode();
        });
        var rate = bodies.Count * 5000 / clock.Elapsed.TotalSeconds;
        await DropBucketAsync(servers, bucket);
        return rate;
    }

    static byte[] Lines(Trace trace, int from)
    {
        var text = new StringBuilder();
        for (var i = from; i < from + 5000; i++)
        {
            var e = JsonNode.Parse(trace.Event(i, 7))!;
            var data = e["data"]!;
            var ns = (DateTimeOffset.Parse((string)e["timestamp"]!, CultureInfo.InvariantCulture).ToUnixTimeMilliseconds() * 1_000_000) + (i % 1_000_000);
            text.Append(CultureInfo.InvariantCulture, $"efficiency_events,event_type=annotation,project_id={e["project_id"]},tool={e["tool"]},user_id={e["user_id"]} count=1i,event_id=\"{e["event_id"]}\",type=\"{data["type"]}\",annotationType=\"{data["annotationType"]}\",duration={data["duration"]},success={((bool)data["success"]! ? "true" : "false")},files={data["files"]},added={data["added"]},removed={data["removed"]} {ns}\n");
        }
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    static HttpClient Client(Servers servers)
    {
        var http = new HttpClient { BaseAddress = servers.Influx, Timeout = TimeSpan.FromMinutes(5) };
        http.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", $"Token {servers.InfluxToken}");
        return http;
    }

    internal static async Task<string> NewBucketAsync(Servers servers)
    {
        using var http = Client(servers);
        var orgs = await http.GetFromJsonAsync<JsonObject>($"api/v2/orgs?org={servers.InfluxOrg}");
        var name = $"bench-{Guid.NewGuid():N}"[..20];
        using var answer = await http.PostAsJsonAsync("api/v2/buckets", new { name, orgID = (string)orgs!["orgs"]![0]!["id"]!, retentionRules = Array.Empty<object>() });
        answer.EnsureSuccessStatusCode();
        return name;
    }

    internal static async Task DropBucketAsync(Servers servers, string name)
    {
        using var http = Client(servers);
        var found = await http.GetFromJsonAsync<JsonObject>($"api/v2/buckets?name={name}");
        await http.DeleteAsync($"api/v2/buckets/{(string)found!["buckets"]![0]!["id"]!}");
    }

    static async Task<long> PointsAsync(Servers servers, string bucket, string measurement, string field)
    {
        using var http = Client(servers);
        var flux = $"from(bucket:\"{bucket}\") |> range(start: 1970-01-01T00:00:00Z, stop: 2100-01-01T00:00:00Z) |> filter(fn: (r) => r._measurement == \"{measurement}\" and r._field == \"{field}\") |> count() |> group() |> sum()";
        using var answer = await http.PostAsync($"api/v2/query?org={servers.InfluxOrg}", new StringContent(flux, Encoding.UTF8, "application/vnd.flux"));
        var lines = (await answer.Content.ReadAsStringAsync()).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        return lines.Length < 2 ? 0 : long.Parse(lines[1].Split(',')[^1], CultureInfo.InvariantCulture);
    }
}
