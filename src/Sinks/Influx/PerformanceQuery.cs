using Pipeline.Contracts.Events;

namespace Pipeline.Sinks.Influx;

/// <summary>Which performance events: of one project, at or after <paramref name="From"/> and before <paramref name="To"/>.</summary>
/// <param name="Step">Whole seconds that one mean is taken over; steps begin at multiples of it since 1970.</param>
public sealed record PerformanceQuery(string ProjectId, DateTime From, DateTime To, TimeSpan Step)
{
    /// <summary>Of this user alone.</summary>
    public string? UserId { get; init; }

    /// <summary>With this tool alone, the event's own or its batch's.</summary>
    public string? Tool { get; init; }

    internal long FromNanoseconds => Nanoseconds(From);

    internal long ToNanoseconds => Nanoseconds(To);

    internal long StepSeconds => (long)Step.TotalSeconds;

    static long Nanoseconds(DateTime time) => (time - DateTime.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
}

/// <summary>The mean of the values within one step.</summary>
/// <param name="Time">Where the step begins.</param>
/// <param name="Value">Null where the sum of the values is beyond the numbers there are.</param>
public sealed record PerformancePoint(DateTime Time, double? Value);

/// <summary>By time. A step without a value of a metric has no point there.</summary>
public sealed record PerformanceSeries(IReadOnlyList<PerformancePoint> Fps, IReadOnlyList<PerformancePoint> MemoryUsage, IReadOnlyList<PerformancePoint> CpuUsage,
    IReadOnlyList<PerformancePoint> RenderTime, IReadOnlyList<PerformancePoint> NetworkLatency, IReadOnlyList<PerformancePoint> LoadTime);

/// <summary>Takes the points as they come, in whatever order InfluxDB has them.</summary>
sealed class PerformancePoints(TimeSpan step)
{
    public static readonly DataField[] Fields =
        [DataField.Fps, DataField.MemoryUsage, DataField.CpuUsage, DataField.RenderTime, DataField.NetworkLatency, DataField.LoadTime];

    readonly List<PerformancePoint>[] _points = [.. Fields.Select(_ => new List<PerformancePoint>())];

    public void Add(DataField field, DateTime time, double value) =>
        _points[Array.IndexOf(Fields, field)].Add(new PerformancePoint(time.AddTicks(-(time - DateTime.UnixEpoch).Ticks % step.Ticks), double.IsFinite(value) ? value : null));

    public PerformanceSeries ToSeries()
    {
        foreach (var points in _points)
            points.Sort((a, b) => a.Time.CompareTo(b.Time));
        return new PerformanceSeries(_points[0], _points[1], _points[2], _points[3], _points[4], _points[5]);
    }
}
