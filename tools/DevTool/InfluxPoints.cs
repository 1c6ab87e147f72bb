using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Pipeline.DevTool;

/// <summary>Counts the points of the events' measurement, by either API. Every point has the field <c>count</c>.</summary>
sealed class InfluxPoints : IDisposable
{
    const string Measurement = "efficiency_events";

    readonly HttpClient http;
    readonly string api, bucket, org;

    InfluxPoints(Uri url, string api, string bucket, string org, string? token)
    {
        (this.api, this.bucket, this.org) = (api, bucket, org);
        http = new HttpClient { BaseAddress = url, Timeout = TimeSpan.FromSeconds(30) };
        if (token is not null)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Token", token);
    }

    public static InfluxPoints? From(Arguments arguments) => arguments.Find("influx-url") is not { } url ? null
        : new InfluxPoints(new Uri(url), arguments.Text("influx-api", "v2"), arguments.Text("influx-bucket", Measurement),
            arguments.Text("influx-org", "pipeline"), arguments.Find("influx-token"));

    public Task<long> Count(CancellationToken stop) => api == "v1" ? CountV1(stop) : CountV2(stop);

    async Task<long> CountV1(CancellationToken stop)
    {
        var query = Uri.EscapeDataString($"SELECT count(\"count\") FROM \"{Measurement}\"");
        var text = await Answer(await http.GetAsync($"/query?db={Uri.EscapeDataString(bucket)}&q={query}", stop), stop);
        using var json = JsonDocument.Parse(text);
        var result = json.RootElement.GetProperty("results")[0];
        return result.TryGetProperty("series", out var series) ? series[0].GetProperty("values")[0][1].GetInt64() : 0;
    }

    /// <summary>The answer is annotated CSV; without a series it is empty.</summary>
    async Task<long> CountV2(CancellationToken stop)
    {
        var flux = $"""
            from(bucket: "{bucket}") |> range(start: 1970-01-01T00:00:00Z, stop: 2100-01-01T00:00:00Z)
              |> filter(fn: (r) => r._measurement == "{Measurement}" and r._field == "count")
              |> count() |> group() |> sum() |> keep(columns: ["_value"])
            """;
        using var content = new StringContent(flux, Encoding.UTF8, "application/vnd.flux");
        var text = await Answer(await http.PostAsync($"/api/v2/query?org={Uri.EscapeDataString(org)}", content, stop), stop);
        var values = text.Split('\n').Select(line => line.TrimEnd('\r').Split(',')[^1]);
        return values.Sum(value => long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : 0);
    }

    static async Task<string> Answer(HttpResponseMessage response, CancellationToken stop)
    {
        using (response)
        {
            var text = await response.Content.ReadAsStringAsync(stop);
            return response.IsSuccessStatusCode ? text : throw new FailureException($"InfluxDB answered {(int)response.StatusCode}: {text}");
        }
    }

    public void Dispose() => http.Dispose();
}
