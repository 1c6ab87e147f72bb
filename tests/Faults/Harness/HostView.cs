using System.Globalization;
using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Harness;

/// <summary>What an operator sees of a host at one moment: <c>/health</c> and <c>/metrics</c>, or that it does not answer.</summary>
sealed record HostView(bool Answers, JsonElement? Health, string Metrics)
{
    static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(2) };

    public static HostView Nothing { get; } = new(false, null, "");

    public static async Task<HostView> LookAsync(HostProcess? host)
    {
        if (host is null || host.HasExited)
            return Nothing;
        try
        {
            // An unhealthy host answers 503 with the same body.
            using var health = await Http.GetAsync(new Uri(host.Url, "health"));
            using var json = JsonDocument.Parse(await health.Content.ReadAsStringAsync());
            return new HostView(true, json.RootElement.Clone(), await Http.GetStringAsync(new Uri(host.Url, "metrics")));
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or JsonException)
        {
            return Nothing;
        }
    }

    /// <summary>Sum over the series of this name that have this label, written <c>kind="postgres"</c>; no such series is 0.</summary>
    public double Metric(string name, string label = "") => Series(name, label).Sum(l => double.Parse(l.AsSpan(l.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture));

    public bool Has(string name, string label = "") => Series(name, label).Any();

    IEnumerable<string> Series(string name, string label) => Metrics.Split('\n')
        .Where(l => l.StartsWith(name, StringComparison.Ordinal) && l.Length > name.Length && l[name.Length] is '{' or ' ' && l.Contains(label, StringComparison.Ordinal));

    /// <summary>The value at a path such as <c>dependencies.postgres.healthy</c>, as JSON text.</summary>
    public string? Field(string path)
    {
        if (Health is not { } at)
            return null;
        foreach (var name in path.Split('.'))
            if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(name, out at))
                return null;
        return at.GetRawText();
    }

    public IEnumerable<string> States(string road) => Road(road).Select(p => p.GetProperty("state").GetString()!);

    public IEnumerable<int> Partitions(string road) => Road(road).Select(p => p.GetProperty("partition").GetInt32());

    /// <summary>A number that each of a road's partitions has, over all of them.</summary>
    public long Sum(string road, string field) => Road(road).Sum(p => p.GetProperty(field).GetInt64());

    /// <summary>One of a partition's counts, over all of a road's partitions.</summary>
    public long Count(string road, string name) => Road(road).Sum(p => p.GetProperty("counts").GetProperty(name).GetInt64());

    public long Failures(string road) => Road(road).Sum(p => p.GetProperty("failures").GetProperty("count").GetInt64());

    /// <summary>How often receivers and the outbox were begun anew.</summary>
    public long WorkRestarts => Health is { } health && health.TryGetProperty("failures", out var work) && work.ValueKind == JsonValueKind.Object
        ? work.EnumerateObject().Sum(w => w.Value.GetProperty("restarts").GetInt64()) : 0;

    IEnumerable<JsonElement> Road(string road) =>
        Health is { } health && health.TryGetProperty("roads", out var roads) && roads.TryGetProperty(road, out var partitions) ? partitions.EnumerateArray() : [];
}
