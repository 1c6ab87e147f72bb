using System.Diagnostics.Metrics;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using Pipeline.Sinks.Prometheus;

namespace Pipeline.Sinks.Tests.Prometheus;

public sealed class PrometheusTextTests : IDisposable
{
    readonly Meter _meter = new("test-" + Guid.NewGuid());
    readonly PrometheusText _text = new();
    readonly MeterProvider _provider;

    public PrometheusTextTests() => _provider = Sdk.CreateMeterProviderBuilder().AddMeter(_meter.Name).AddReader(_text.Reader).Build();

    [Fact]
    public void Every_kind_of_instrument_is_valid_exposition()
    {
        _meter.CreateCounter<long>("longs", description: "first line\nsecond \\ line").Add(3);
        _meter.CreateCounter<double>("doubles_total").Add(1.5);
        _meter.CreateUpDownCounter<long>("up_down").Add(-2);
        _meter.CreateObservableGauge("gauge", () => 7L);
        _meter.CreateObservableGauge("gauge.of-doubles", () => double.NaN);
        _meter.CreateHistogram<double>("seconds", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] }).Record(0.5);
        var read = Exposition.Read(_text.Scrape());
        Assert.Equal(3, read.Value("longs_total"));
        Assert.Equal("first line\\nsecond \\\\ line", read.Help["longs_total"]);
        Assert.Equal(1.5, read.Value("doubles_total"));
        Assert.Equal(-2, read.Value("up_down"));
        Assert.Equal(("counter", "gauge", "gauge", "histogram"), (read.Types["longs_total"], read.Types["up_down"], read.Types["gauge"], read.Types["seconds"]));
        Assert.Equal(7, read.Value("gauge"));
        Assert.Equal(double.NaN, read.Value("gauge_of_doubles"));
        Assert.Equal((0, 1, 1), (read.Value("seconds_bucket", "le", "0.1"), read.Value("seconds_bucket", "le", "1"), read.Value("seconds_bucket", "le", "+Inf")));
        Assert.Equal((0.5, 1), (read.Value("seconds_sum"), read.Value("seconds_count")));
    }

    [Fact]
    public void Labels_of_any_text_come_back()
    {
        string[] values = ["plain", "with \"quotes\"", "back\\slash", "line\nfeed", "a=b,c}", "é漢😀", ""];
        var counter = _meter.CreateCounter<long>("n");
        foreach (var value in values)
            counter.Add(1, new KeyValuePair<string, object?>("the.label", value), new KeyValuePair<string, object?>("number", 5));
        var read = Exposition.Read(_text.Scrape());
        Assert.Equal(values.Order(), read.Samples.Select(s => s.Labels["the_label"]).Order());
        Assert.All(read.Samples, s => Assert.Equal("5", s.Labels["number"]));
    }

    [Fact]
    public void Scrapes_at_once_do_not_mix()
    {
        var counter = _meter.CreateCounter<long>("n");
        counter.Add(1);
        Parallel.For(0, 50, _ => Assert.Equal(1, Exposition.Read(_text.Scrape()).Value("n_total")));
    }

    [Fact]
    public void Nothing_measured_is_an_empty_text() => Assert.Empty(Exposition.Read(_text.Scrape()).Samples);

    public void Dispose()
    {
        _provider.Dispose();
        _meter.Dispose();
        _text.Dispose();
    }
}
