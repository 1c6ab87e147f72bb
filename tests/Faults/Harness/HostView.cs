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
    public double Metric(string name, string label = "") => Metrics.Split('\n')
        .Where(l => l.StartsWith(name, StringComparison.Ordinal) && l.Length > name.Length && l[name.Length] is '{' or ' ' && l.Contains(label, StringComparison.Ordinal))
        .Sum(l => double.Parse(l.AsSpan(l.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture));

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

    /// <summary>States of a road's partitions.</summary>
    public IEnumerable<string> States(string road) => Health is { } health && health.TryGetProperty("roads", out var roads) && roads.TryGetProperty(road, out var partitions)
        ? partitions.EnumerateArray().Select(p => p.GetProperty("state").GetString()!) : [];
}
