using System.Globalization;
using System.Text;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Pipeline.Sinks.Prometheus;

/// <summary>
/// Prometheus' text format 0.0.4 of everything a meter provider holds. Stands in for OpenTelemetry.Exporter.Prometheus.AspNetCore, which has
/// no stable release; OpenTelemetry does the measuring.
/// </summary>
public sealed class PrometheusText : BaseExporter<Metric>
{
    /// <summary>One scrape at a time: the reader fills <see cref="_text"/> and the caller takes it.</summary>
    readonly Lock _scrape = new();
    readonly StringBuilder _text = new();
    readonly BaseExportingMetricReader _reader;

    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    public PrometheusText() => _reader = new BaseExportingMetricReader(this);

    public MetricReader Reader => _reader;

    public string Scrape()
    {
        lock (_scrape)
        {
            _text.Clear();
            _reader.Collect(10_000);
            return _text.ToString();
        }
    }

    public override ExportResult Export(in Batch<Metric> batch)
    {
        foreach (var metric in batch)
            Write(metric);
        return ExportResult.Success;
    }

    void Write(Metric metric)
    {
        var type = metric.MetricType switch
        {
            MetricType.LongSum or MetricType.DoubleSum => "counter",
            MetricType.Histogram => "histogram",
            _ => "gauge",
        };
        var name = Name(metric.Name) + (type == "counter" && !metric.Name.EndsWith("_total", StringComparison.Ordinal) ? "_total" : "");
        _text.Append("# HELP ").Append(name).Append(' ').Append(metric.Description.Replace("\\", "\\\\").Replace("\n", "\\n")).Append('\n');
        _text.Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');
        foreach (ref readonly var point in metric.GetMetricPoints())
        {
            switch (metric.MetricType)
            {
                case MetricType.LongSum or MetricType.LongSumNonMonotonic:
                    Line(name, point, null, point.GetSumLong());
                    break;
                case MetricType.DoubleSum or MetricType.DoubleSumNonMonotonic:
                    Line(name, point, null, point.GetSumDouble());
                    break;
                case MetricType.LongGauge:
                    Line(name, point, null, point.GetGaugeLastValueLong());
                    break;
                case MetricType.DoubleGauge:
                    Line(name, point, null, point.GetGaugeLastValueDouble());
                    break;
                case MetricType.Histogram:
                    Histogram(name, point);
                    break;
            }
        }
    }

    void Histogram(string name, in MetricPoint point)
    {
        long cumulative = 0;
        foreach (var bucket in point.GetHistogramBuckets())
        {
            cumulative += bucket.BucketCount;
            var bound = double.IsPositiveInfinity(bucket.ExplicitBound) ? "+Inf" : bucket.ExplicitBound.ToString("R", CultureInfo.InvariantCulture);
            Line(name + "_bucket", point, bound, cumulative);
        }
        Line(name + "_sum", point, null, point.GetHistogramSum());
        Line(name + "_count", point, null, point.GetHistogramCount());
    }

    void Line(string name, in MetricPoint point, string? bound, double value)
    {
        _text.Append(name);
        var separator = '{';
        foreach (var tag in point.Tags)
        {
            Label(separator, Name(tag.Key), Convert.ToString(tag.Value, CultureInfo.InvariantCulture) ?? "");
            separator = ',';
        }
        if (bound is not null)
        {
            Label(separator, "le", bound);
            separator = ',';
        }
        if (separator == ',')
            _text.Append('}');
        _text.Append(' ').Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
    }

    void Label(char separator, string name, string value) =>
        _text.Append(separator).Append(name).Append("=\"")
            .Append(value.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n")).Append('"');

    static string Name(string name) => string.Create(name.Length, name, static (span, source) =>
    {
        for (var i = 0; i < span.Length; i++)
            span[i] = char.IsAsciiLetterOrDigit(source[i]) ? source[i] : '_';
    });
}
