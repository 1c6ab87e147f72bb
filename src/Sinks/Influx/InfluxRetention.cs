using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Pipeline.Sinks.Influx;

/// <summary>How long InfluxDB keeps points, as it says itself.</summary>
/// <param name="InForce">Null for ever, or where it does not say.</param>
/// <param name="Problem">Why it is not what was asked for; null where it is.</param>
public sealed record PointRetention(TimeSpan? InForce, string? Problem);

/// <summary>Sets how long points are kept: the bucket's rule in v2, the database's default retention policy in v1. InfluxDB then drops shards by itself.</summary>
public sealed partial class InfluxRetention(InfluxOptions options) : IDisposable
{
    readonly HttpClient _http = InfluxHttp.NewClient(options, options.Timeout, connectionsMax: 1);

    readonly record struct Policy(string Id, TimeSpan Duration, TimeSpan Shard);

    /// <summary>Makes it so, and reads it back. What InfluxDB refuses is told and not thrown: everything but this works.</summary>
    /// <exception cref="InfluxUnavailableException">It does not answer, or not now.</exception>
    public async Task<PointRetention> EnsureAsync(TimeSpan duration, CancellationToken stop)
    {
        var (found, problem) = await ReadAsync(stop);
        if (found is not { } policy)
            return new PointRetention(null, problem);
        if (policy.Duration == duration)
            return new PointRetention(duration, null);
        // A shard may not be longer than points are kept; one that is gets the length that InfluxDB gives by itself.
        var shard = policy.Shard > duration ? DefaultShard(duration) : (TimeSpan?)null;
        problem = options.Api == InfluxApi.V2 ? await SetBucketAsync(policy.Id, duration, shard, stop) : await SetPolicyAsync(policy.Id, duration, shard, stop);
        var now = (await ReadAsync(stop)).Policy?.Duration;
        return new PointRetention(now == TimeSpan.Zero ? null : now, now == duration ? null : problem ?? $"InfluxDB took it, but keeps points for {now}");
    }

    /// <summary>As InfluxDB's documentation has it.</summary>
    public static TimeSpan DefaultShard(TimeSpan duration) =>
        duration < TimeSpan.FromDays(2) ? TimeSpan.FromHours(1) : duration < TimeSpan.FromDays(180) ? TimeSpan.FromDays(1) : TimeSpan.FromDays(7);

    async Task<(Policy? Policy, string? Problem)> ReadAsync(CancellationToken stop)
    {
        if (options.Api == InfluxApi.V1)
            return await ReadPolicyAsync(stop);
        var (status, text) = await SendAsync(new HttpRequestMessage(HttpMethod.Get, $"api/v2/buckets?org={Uri.EscapeDataString(options.Org)}&name={Uri.EscapeDataString(options.Bucket)}"), stop);
        if (status != HttpStatusCode.OK)
            return (null, Refusal(status, text));
        using var json = JsonDocument.Parse(text);
        foreach (var bucket in json.RootElement.GetProperty("buckets").EnumerateArray())
        {
            var rule = bucket.GetProperty("retentionRules") is { ValueKind: JsonValueKind.Array } rules && rules.GetArrayLength() > 0 ? rules[0] : default;
            return (new Policy(bucket.GetProperty("id").GetString()!, Seconds(rule, "everySeconds"), Seconds(rule, "shardGroupDurationSeconds")), null);
        }
        // So it answers to a token that may write and not read.
        return (null, $"the token may not see bucket {options.Bucket}: it needs read and write on the bucket, in buckets as a resource of the organisation");
    }

    static TimeSpan Seconds(JsonElement rule, string name) =>
        rule.ValueKind == JsonValueKind.Object && rule.TryGetProperty(name, out var seconds) ? TimeSpan.FromSeconds(seconds.GetInt64()) : TimeSpan.Zero;

    async Task<string?> SetBucketAsync(string id, TimeSpan duration, TimeSpan? shard, CancellationToken stop)
    {
        var rule = new Dictionary<string, object> { ["type"] = "expire", ["everySeconds"] = (long)duration.TotalSeconds };
        if (shard is { } length)
            rule["shardGroupDurationSeconds"] = (long)length.TotalSeconds;
        var (status, text) = await SendAsync(new HttpRequestMessage(HttpMethod.Patch, $"api/v2/buckets/{id}")
        {
            Content = new StringContent(JsonSerializer.Serialize(new { retentionRules = new[] { rule } }), Encoding.UTF8, "application/json"),
        }, stop);
        return status == HttpStatusCode.OK ? null : Refusal(status, text);
    }

    async Task<(Policy? Policy, string? Problem)> ReadPolicyAsync(CancellationToken stop)
    {
        var (status, text) = await SendAsync(Statement($"SHOW RETENTION POLICIES ON {Quoted(options.Bucket)}"), stop);
        return status == HttpStatusCode.OK ? PolicyOf(text) : (null, Refusal(status, text));
    }

    /// <summary>The default policy of an answer to SHOW RETENTION POLICIES.</summary>
    static (Policy? Policy, string? Problem) PolicyOf(string answer)
    {
        using var json = JsonDocument.Parse(answer);
        var result = json.RootElement.GetProperty("results")[0];
        if (result.TryGetProperty("error", out var error))
            return (null, error.GetString());
        if (result.TryGetProperty("series", out var series))
        {
            var columns = series[0].GetProperty("columns").EnumerateArray().Select(c => c.GetString()).ToList();
            foreach (var row in series[0].TryGetProperty("values", out var rows) ? rows.EnumerateArray() : default)
                if (row[columns.IndexOf("default")].GetBoolean())
                    return (new Policy(row[columns.IndexOf("name")].GetString()!, Duration(row[columns.IndexOf("duration")].GetString()!), Duration(row[columns.IndexOf("shardGroupDuration")].GetString()!)), null);
        }
        return (null, "the database has no default retention policy");
    }

    async Task<string?> SetPolicyAsync(string name, TimeSpan duration, TimeSpan? shard, CancellationToken stop)
    {
        var (status, text) = await SendAsync(Statement(AlterStatement(options.Bucket, name, duration, shard)), stop);
        if (status != HttpStatusCode.OK)
            return Refusal(status, text);
        using var json = JsonDocument.Parse(text);
        // v1 answers 200 to a statement that failed.
        return json.RootElement.GetProperty("results")[0].TryGetProperty("error", out var error) ? error.GetString() : null;
    }

    public static string AlterStatement(string database, string policy, TimeSpan duration, TimeSpan? shard) =>
        string.Create(CultureInfo.InvariantCulture, $"ALTER RETENTION POLICY {Quoted(policy)} ON {Quoted(database)} DURATION {(long)duration.TotalSeconds}s{(shard is { } length ? $" SHARD DURATION {(long)length.TotalSeconds}s" : "")}");

    static string Quoted(string identifier) => $"\"{identifier.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

    /// <summary>As v1 writes it: 168h0m0s.</summary>
    public static TimeSpan Duration(string text)
    {
        if (GoDuration().Match(text) is not { Success: true } parts)
            throw new InfluxUnavailableException($"{text} is no duration");
        int Part(string name) => parts.Groups[name].Success ? int.Parse(parts.Groups[name].ValueSpan, CultureInfo.InvariantCulture) : 0;
        return new TimeSpan(Part("h"), Part("m"), Part("s"));
    }

    [GeneratedRegex(@"^(?:(?<h>\d{1,9})h)?(?:(?<m>\d{1,9})m)?(?:(?<s>\d{1,9})s)?$")]
    private static partial Regex GoDuration();

    HttpRequestMessage Statement(string statement) => new(HttpMethod.Post, $"query?db={Uri.EscapeDataString(options.Bucket)}")
    {
        Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["q"] = statement }),
    };

    static string Refusal(HttpStatusCode status, string text) => $"{(int)status} {InfluxHttp.Start(text)}";

    async Task<(HttpStatusCode Status, string Text)> SendAsync(HttpRequestMessage request, CancellationToken stop)
    {
        try
        {
            using (request)
            {
                using var answer = await _http.SendAsync(request, stop);
                var text = await answer.Content.ReadAsStringAsync(stop);
                return (int)answer.StatusCode is < 500 and not 429 || text.Contains("retention policy", StringComparison.Ordinal) ? (answer.StatusCode, text)
                    : throw new InfluxUnavailableException($"{(int)answer.StatusCode} {InfluxHttp.Start(text)}");
            }
        }
        catch (HttpRequestException e)
        {
            throw new InfluxUnavailableException(e.Message, e);
        }
        catch (TaskCanceledException e) when (!stop.IsCancellationRequested)
        {
            throw new InfluxUnavailableException("no answer in time", e);
        }
    }

    public void Dispose() => _http.Dispose();
}
