using System.Text.Json;
using Pipeline.Contracts;
using Pipeline.Sinks.Metrics;

namespace Pipeline.Ingest.Statistics;

/// <summary>A metric and where it stands among the figures.</summary>
sealed class MetricColumn
{
    readonly System.Reflection.PropertyInfo _property;

    MetricColumn(MetricDefinition definition, System.Reflection.PropertyInfo property) => (Definition, _property) = (definition, property);

    /// <summary>In the order of the definitions.</summary>
    public static IReadOnlyList<MetricColumn> All { get; } = [.. MetricDefinitions.InForce.Metrics.Select(m => new MetricColumn(m, PropertyOf(m.Name)))];

    public MetricDefinition Definition { get; }

    public string Name => Definition.Name;

    public static MetricColumn? Find(string name) => All.FirstOrDefault(c => c.Name == name);

    public static IEnumerable<string> Nearest(string name) => NearNames.Of(name, All.Select(c => c.Name));

    public double? Of(Figures figures) => _property.GetValue(figures) switch { long whole => whole, double number => number, _ => null };

    /// <returns>As exact as it is kept: whole numbers whole, others as the shortest text that reads the same.</returns>
    public string TextOf(Figures figures) => _property.GetValue(figures) is IFormattable value ? value.ToString(null, System.Globalization.CultureInfo.InvariantCulture) : "";

    static System.Reflection.PropertyInfo PropertyOf(string name) => typeof(Figures).GetProperties().Single(p => JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Name) == name);
}
