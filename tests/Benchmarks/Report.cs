using System.Globalization;
using System.Text.Json;

namespace Pipeline.Benchmarks;

/// <summary>Prints figures as they come, and at the end the ratios, which are what a benchmark claims. Seconds are reported, never asserted.</summary>
sealed class Report
{
    readonly SortedDictionary<string, double> _ratios = new(StringComparer.Ordinal);

    public void Line(string text) => Console.WriteLine(text);

    public void Figure(string name, double value, string unit, string note = "") =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {name,-44} {value,14:N1} {unit}{(note.Length > 0 ? "   " + note : "")}"));

    /// <summary>A figure of ours over another of the same run.</summary>
    public void Ratio(string name, double ours, double other, string wanted)
    {
        _ratios[name] = ours / other;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  ratio {name,-38} {ours / other,14:N2} ×   wanted {wanted}"));
    }

    public void Save(string path) => File.WriteAllText(path, JsonSerializer.Serialize(_ratios, Indented));

    public void Against(string path)
    {
        var before = JsonSerializer.Deserialize<Dictionary<string, double>>(File.ReadAllText(path)) ?? [];
        Console.WriteLine($"against {path}:");
        foreach (var (name, ratio) in _ratios)
            Console.WriteLine(before.TryGetValue(name, out var old)
                ? string.Create(CultureInfo.InvariantCulture, $"  {name,-44} {ratio,8:N2} × now, {old:N2} × then ({(ratio / old) - 1:+0.0%;-0.0%})") : $"  {name,-44} new");
    }

    public static double Median(IReadOnlyList<double> values) => values.Order().ElementAt(values.Count / 2);

    static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };
}
