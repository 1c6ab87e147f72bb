using System.Globalization;
using System.Text;

namespace Pipeline.Sinks.Tests.Prometheus;

/// <summary>A small, strict reading of Prometheus' text format: fails on anything that a scraper would.</summary>
sealed class Exposition
{
    public sealed record Sample(string Name, IReadOnlyDictionary<string, string> Labels, double Value);

    public Dictionary<string, string> Types { get; } = [];
    public Dictionary<string, string> Help { get; } = [];
    public List<Sample> Samples { get; } = [];

    public static Exposition Read(string text)
    {
        var exposition = new Exposition();
        Assert.True(text.Length == 0 || text.EndsWith('\n'), "the last line has no end");
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            exposition.ReadLine(line);
        Assert.Equal(exposition.Samples.Count, exposition.Samples.Select(Series).Distinct().Count());
        return exposition;
    }

    public double Value(string name, string? label = null, string? value = null) =>
        Samples.Single(s => s.Name == name && (label is null || s.Labels.GetValueOrDefault(label) == value)).Value;

    void ReadLine(string line)
    {
        if (line.StartsWith("# HELP ", StringComparison.Ordinal))
        {
            var parts = line.Split(' ', 4);
            Assert.True(Help.TryAdd(parts[2], parts.Length > 3 ? parts[3] : ""), $"HELP twice: {line}");
            return;
        }
        if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
        {
            var parts = line.Split(' ');
            Assert.Contains(parts[3], (string[])["counter", "gauge", "histogram", "summary", "untyped"]);
            Assert.True(Types.TryAdd(parts[2], parts[3]), $"TYPE twice: {line}");
            return;
        }
        Assert.NotEqual('#', line[0]);
        var sample = ReadSample(line);
        Assert.Matches("^[a-zA-Z_:][a-zA-Z0-9_:]*$", sample.Name);
        var family = new[] { "", "_bucket", "_sum", "_count" }.Where(s => sample.Name.EndsWith(s, StringComparison.Ordinal)).Select(s => sample.Name[..^s.Length]).FirstOrDefault(Types.ContainsKey);
        Assert.True(family is not null, $"no TYPE before {line}");
        Samples.Add(sample);
    }

    static Sample ReadSample(string line)
    {
        var labels = new Dictionary<string, string>();
        var at = line.IndexOfAny(['{', ' ']);
        var name = line[..at];
        if (line[at] == '{')
        {
            do
            {
                var equals = line.IndexOf('=', at);
                var label = line[(at + 1)..equals];
                Assert.Matches("^[a-zA-Z_][a-zA-Z0-9_]*$", label);
                Assert.Equal('"', line[equals + 1]);
                labels.Add(label, LabelValue(line, equals + 2, out at));
            }
            while (line[at] == ',');
            Assert.Equal('}', line[at++]);
        }
        Assert.Equal(' ', line[at]);
        return new Sample(name, labels, double.Parse(line.AsSpan(at + 1), CultureInfo.InvariantCulture));
    }

    static string LabelValue(string line, int at, out int end)
    {
        var value = new StringBuilder();
        for (; line[at] != '"'; at++)
        {
            if (line[at] == '\\')
            {
                at++;
                Assert.Contains(line[at], "\\\"n");
                value.Append(line[at] == 'n' ? '\n' : line[at]);
            }
            else
            {
                value.Append(line[at]);
            }
        }
        end = at + 1;
        return value.ToString();
    }

    static string Series(Sample s) => s.Name + string.Join(',', s.Labels.OrderBy(l => l.Key).Select(l => $"{l.Key}={l.Value}"));
}
