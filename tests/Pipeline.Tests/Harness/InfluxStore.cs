using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>A bucket (v2) or database (v1) of one test, asked by the HTTP API alone.</summary>
public sealed class InfluxStore : IAsyncDisposable
{
    const string Measurement = "efficiency_events";
    const int TwentyYearsSeconds = 20 * 365 * 24 * 3600;

    readonly HttpClient _http;
    readonly string _org;
    string _bucketId = "";

    InfluxStore(string bucket, Uri url, string token, string org, bool isV1)
    {
        (Bucket, Url, Token, _org, IsV1) = (bucket, url, token, org, isV1);
        _http = new HttpClient { BaseAddress = url, Timeout = TimeSpan.FromSeconds(60) };
        if (token.Length > 0)
            _http.DefaultRequestHeaders.Authorization = isV1 ? new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(token))) : new AuthenticationHeaderValue("Token", token);
    }

    public string Bucket { get; }
    public Uri Url { get; }
    public string Token { get; }
    public bool IsV1 { get; }

    /// <summary>As the processors are told.</summary>
    public Dictionary<string, string> Settings => new()
    {
        ["Pipeline__Influx__Url"] = Url.OriginalString,
        ["Pipeline__Influx__Bucket"] = Bucket,
        ["Pipeline__Influx__Api"] = IsV1 ? "v1" : "v2",
        ["Pipeline__Influx__Token"] = Token,
        ["Pipeline__Influx__Org"] = _org.Length > 0 ? _org : "pipeline",
    };

    public static Task<InfluxStore> CreateAsync(string bucket) =>
        CreateAsync(bucket, TestServers.InfluxUrl, TestServers.InfluxToken, TestServers.InfluxOrg, TestServers.InfluxIsV1);

    /// <summary>Shards of twenty years: the trace spans fifteen, and a shard a week would be what is measured.</summary>
    public static async Task<InfluxStore> CreateAsync(string bucket, Uri url, string token, string org, bool isV1)
    {
        var store = new InfluxStore(bucket, url, token, org, isV1);
        if (isV1)
        {
            await store.QueryV1Async($"CREATE DATABASE \"{bucket}\" WITH DURATION INF SHARD DURATION 1040w");
            return store;
        }
        using var orgs = JsonDocument.Parse(await store.AnswerAsync(await store._http.GetAsync($"/api/v2/orgs?org={Uri.EscapeDataString(org)}")));
        var rule = $$"""[{"type":"expire","everySeconds":0,"shardGroupDurationSeconds":{{TwentyYearsSeconds}}}]""";
        var orgId = orgs.RootElement.GetProperty("orgs")[0].GetProperty("id").GetString();
        using var content = new StringContent($$"""{"name":{{JsonSerializer.Serialize(bucket)}},"orgID":"{{orgId}}","retentionRules":{{rule}}}""", Encoding.UTF8, "application/json");
        using var made = JsonDocument.Parse(await store.AnswerAsync(await store._http.PostAsync("/api/v2/buckets", content)));
        store._bucketId = made.RootElement.GetProperty("id").GetString()!;
        return store;
    }

    /// <summary>How many points there are; every point has the field <c>count</c>.</summary>
    public async Task<long> PointsAsync() => (await CountsAsync("user_id")).Values.Sum();

    /// <summary>Points by the values of one tag.</summary>
    public async Task<Dictionary<string, long>> CountsAsync(string tag)
    {
        var counts = new Dictionary<string, long>();
        if (IsV1)
        {
            using var json = JsonDocument.Parse(await QueryV1Async($"SELECT count(\"count\") FROM \"{Measurement}\" GROUP BY \"{tag}\""));
            if (json.RootElement.GetProperty("results")[0].TryGetProperty("series", out var series))
                foreach (var one in series.EnumerateArray())
                    counts.Add(one.GetProperty("tags").GetProperty(tag).GetString()!, one.GetProperty("values")[0][1].GetInt64());
            return counts;
        }
        var rows = await FluxAsync($"""
            from(bucket: "{Bucket}") |> range(start: 1970-01-01T00:00:00Z, stop: 2100-01-01T00:00:00Z)
              |> filter(fn: (r) => r._measurement == "{Measurement}" and r._field == "count")
              |> count() |> group(columns: ["{tag}"]) |> sum() |> group() |> keep(columns: ["_value", "{tag}"])
            """);
        foreach (var row in rows)
            counts.Add(row.GetValueOrDefault(tag, ""), long.Parse(row["_value"], CultureInfo.InvariantCulture));
        return counts;
    }

    /// <summary>One field of what a schedule had analysed.</summary>
    public async Task<List<(string User, string Project, DateTime Time, double Value)>> AnalysesAsync(string schedule, string part, string field)
    {
        if (IsV1)
        {
            using var json = JsonDocument.Parse(await QueryV1Async($"SELECT \"{field}\" FROM \"scheduled_analyses\" WHERE \"schedule\" = '{schedule}' AND \"part\" = '{part}' GROUP BY \"user_id\", \"project_id\""));
            return json.RootElement.GetProperty("results")[0].TryGetProperty("series", out var series)
                ? [.. from one in series.EnumerateArray() let tags = one.GetProperty("tags") from value in one.GetProperty("values").EnumerateArray()
                      select (tags.GetProperty("user_id").GetString()!, tags.GetProperty("project_id").GetString()!, value[0].GetDateTime(), value[1].GetDouble())] : [];
        }
        var rows = await FluxAsync($"""
            from(bucket: "{Bucket}") |> range(start: 1970-01-01T00:00:00Z, stop: 2100-01-01T00:00:00Z)
              |> filter(fn: (r) => r._measurement == "scheduled_analyses" and r.schedule == "{schedule}" and r.part == "{part}" and r._field == "{field}")
            """);
        return [.. rows.Select(r => (r.GetValueOrDefault("user_id", ""), r.GetValueOrDefault("project_id", ""), DateTime.Parse(r["_time"], CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal), double.Parse(r["_value"], CultureInfo.InvariantCulture)))];
    }

    async Task<string> QueryV1Async(string query)
    {
        using var content = new FormUrlEncodedContent([new("q", query), new("db", Bucket)]);
        return await AnswerAsync(await _http.PostAsync("/query", content));
    }

    async Task<List<Dictionary<string, string>>> FluxAsync(string flux)
    {
        using var content = new StringContent(flux, Encoding.UTF8, "application/vnd.flux");
        var text = await AnswerAsync(await _http.PostAsync($"/api/v2/query?org={Uri.EscapeDataString(_org)}", content));
        var lines = Csv.Read(text).Where(l => l.Count > 1).ToList();
        return [.. lines.Skip(1).Where(l => !l.SequenceEqual(lines[0])).Select(l => lines[0].Zip(l).Where(p => p.First.Length > 0).ToDictionary(p => p.First, p => p.Second))];
    }

    async Task<string> AnswerAsync(HttpResponseMessage response)
    {
        using (response)
        {
            var text = await response.Content.ReadAsStringAsync();
            return response.IsSuccessStatusCode ? text : throw new InvalidOperationException($"InfluxDB answered {(int)response.StatusCode}: {text}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        using (_http)
        {
            if (IsV1)
                await QueryV1Async($"DROP DATABASE \"{Bucket}\"");
            else
                await AnswerAsync(await _http.DeleteAsync($"/api/v2/buckets/{_bucketId}"));
        }
    }
}
