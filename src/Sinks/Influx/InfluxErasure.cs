using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Pipeline.Sinks.Influx;

/// <summary>Deletes and counts a user's points: the delete API and Flux of v2, statements of v1. Points know no tenant: users of one name share them.</summary>
public sealed class InfluxErasure(InfluxOptions options) : IDisposable
{
    /// <summary>All points there are may be looked at.</summary>
    static readonly TimeSpan ScanTimeout = TimeSpan.FromMinutes(10);

    /// <summary>Measurements: of events, and of what schedules had analysed. Each point of either has a field <c>count</c>.</summary>
    public const string Events = "efficiency_events", Analyses = "scheduled_analyses";

    /// <summary>The calendar of InfluxDB's nanoseconds, nearly.</summary>
    public static readonly DateTime First = new(1700, 1, 1, 0, 0, 0, DateTimeKind.Utc), Last = new(2200, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    readonly HttpClient _http = InfluxHttp.NewClient(options, ScanTimeout, connectionsMax: 2);

    /// <summary>Points of events whose own time lies in [from, to), both as InfluxDB's calendar allows; and those of scheduled analyses, which go whole: they were computed of all there was.</summary>
    /// <exception cref="InfluxUnavailableException">It did not delete, or nobody knows.</exception>
    public async Task DeleteAsync(string userId, DateTime from, DateTime to, CancellationToken stop)
    {
        if (from < to)
            await DeleteAsync(Events, userId, from, to, stop);
        await DeleteAsync(Analyses, userId, First, Last, stop);
    }

    async Task DeleteAsync(string measurement, string userId, DateTime from, DateTime to, CancellationToken stop)
    {
        if (options.Api == InfluxApi.V1)
        {
            Refuse(await InfluxHttp.SendAsync(_http, Statement($"DELETE FROM \"{measurement}\" WHERE \"user_id\" = $user_id AND time >= $since AND time < $until", userId, from, to), stop));
            return;
        }
        var body = JsonSerializer.SerializeToUtf8Bytes(new
        {
            start = from,
            stop = to,
            // The predicate takes no parameters: a text of its own grammar, in which these two characters mean something.
            predicate = $"_measurement=\"{measurement}\" AND user_id=\"{LineProtocol.TagAsStored(userId).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"",
        });
        await InfluxHttp.SendAsync(_http, InfluxHttp.Post($"api/v2/delete?org={Uri.EscapeDataString(options.Org)}&bucket={Uri.EscapeDataString(options.Bucket)}", body), stop);
    }

    /// <inheritdoc cref="DeleteAsync(string, DateTime, DateTime, CancellationToken)"/>
    /// <returns>How many there are.</returns>
    public async Task<long> CountAsync(string userId, DateTime from, DateTime to, CancellationToken stop) =>
        (from < to ? await CountAsync(Events, userId, from, to, stop) : 0) + await CountAsync(Analyses, userId, First, Last, stop);

    async Task<long> CountAsync(string measurement, string userId, DateTime from, DateTime to, CancellationToken stop)
    {
        if (options.Api == InfluxApi.V1)
        {
            var answer = await InfluxHttp.SendAsync(_http, Statement($"SELECT count(\"count\") FROM \"{measurement}\" WHERE \"user_id\" = $user_id AND time >= $since AND time < $until", userId, from, to), stop);
            Refuse(answer);
            using var json = JsonDocument.Parse(answer);
            return json.RootElement.GetProperty("results")[0].TryGetProperty("series", out var series) ? series[0].GetProperty("values")[0][1].GetInt64() : 0;
        }
        const string script = """
            from(bucket: bucket) |> range(start: since, stop: until)
              |> filter(fn: (r) => r._measurement == measurement and r.user_id == user and r._field == "count")
              |> group() |> count() |> keep(columns: ["_value"])
            """;
        var body = new FluxScript(script).With("bucket", options.Bucket).With("measurement", measurement).With("since", from).With("until", to).With("user", LineProtocol.TagAsStored(userId)).Body();
        return Value(Encoding.UTF8.GetString(await InfluxHttp.SendAsync(_http, InfluxHttp.Post($"api/v2/query?org={Uri.EscapeDataString(options.Org)}", body), stop)));
    }

    /// <summary>The one number of an answer in CSV; none is 0.</summary>
    static long Value(string csv)
    {
        var lines = csv.Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        var column = lines.Length == 0 ? -1 : Array.IndexOf(lines[0].Split(','), "_value");
        if (lines.Length > 0 && column < 0)
            throw new InfluxUnavailableException($"{InfluxHttp.Start(csv)}");
        return lines.Length < 2 ? 0 : long.Parse(lines[1].Split(',')[column], CultureInfo.InvariantCulture);
    }

    HttpRequestMessage Statement(string statement, string userId, DateTime from, DateTime to) => new(HttpMethod.Post, $"query?db={Uri.EscapeDataString(options.Bucket)}")
    {
        Content = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["q"] = statement,
            ["params"] = JsonSerializer.Serialize(new { user_id = LineProtocol.TagAsStored(userId), since = Nanoseconds(from), until = Nanoseconds(to) }),
        }),
    };

    /// <summary>v1 answers 200 to a statement that failed.</summary>
    static void Refuse(byte[] answer)
    {
        using var json = JsonDocument.Parse(answer);
        foreach (var result in json.RootElement.TryGetProperty("results", out var results) ? results.EnumerateArray() : default)
            if (result.TryGetProperty("error", out var error))
                throw new InfluxUnavailableException(error.GetString() ?? "the statement failed");
    }

    static long Nanoseconds(DateTime time) => (time - DateTime.UnixEpoch).Ticks * 100;

    public void Dispose() => _http.Dispose();
}
