using Pipeline.Sinks.Metrics;

namespace Pipeline.Ingest.Statistics.Analysis;

/// <summary>Collects the members' values of every metric, and tells where one user stands among them. Members of whom nothing happened are not compared.</summary>
sealed class Comparison(string user)
{
    /// <summary>Projects that one answer compares.</summary>
    public const int ProjectsMax = 20;

    readonly List<double>[] _values = [.. MetricColumn.All.Select(_ => new List<double>())];
    Figures? _mine;
    int _members;

    public void Add(MemberRow row)
    {
        if (row.IsEmpty)
            return;
        _members++;
        if (row.UserId == user)
            _mine = row.Figures;
        foreach (var (i, column) in MetricColumn.All.Index())
            if (column.Of(row.Figures) is { } value)
                _values[i].Add(value);
    }

    public ProjectComparison Of(string project) => new(project, _members, [.. MetricColumn.All.Select((c, i) => Of(c, _values[i]))]);

    ComparedMetric Of(MetricColumn column, List<double> values)
    {
        values.Sort();
        var mine = _mine is null ? null : column.Of(_mine);
        var rank = mine is null ? (double?)null : 100 * (values.Count(v => v < mine) + (values.Count(v => v == mine) / 2.0)) / values.Count;
        return new ComparedMetric(column.Name, column.Definition.Unit, mine, values.Count,
            RobustTrend.Percentile(values, 0.25), RobustTrend.Percentile(values, 0.5), RobustTrend.Percentile(values, 0.75), rank);
    }
}
