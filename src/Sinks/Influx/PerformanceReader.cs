namespace Pipeline.Sinks.Influx;

/// <summary>
/// Reads performance events as means over steps, all metrics in one query. In InfluxQL by both APIs, which v2 answers too and which costs it two
/// thirds of what Flux does for the same means (docs/benchmarks.md).
/// </summary>
public sealed class PerformanceReader : IDisposable
{
    /// <summary>More queries wait, and the deadline counts while they do.</summary>
    const int QueriesAtOnceMax = 8;

    const int AnswerBytesMax = 8 * 1024 * 1024;

    readonly HttpClient _http;
    readonly InfluxOptions _options;

    public PerformanceReader(InfluxOptions options)
    {
        _options = options;
        _http = InfluxHttp.NewClient(options, options.QueryTimeout, QueriesAtOnceMax);
        _http.MaxResponseContentBufferSize = AnswerBytesMax;
    }

    /// <exception cref="InfluxUnavailableException">There is no answer in time, or one that names a failure.</exception>
    public async Task<PerformanceSeries> ReadAsync(PerformanceQuery query, CancellationToken stop)
    {
        var path = InfluxQlPerformance.Path(query, _options);
        var json = await InfluxHttp.SendAsync(_http, new HttpRequestMessage(HttpMethod.Get, path), stop);
        if (!InfluxQlPerformance.IsBeyondJson(json))
            return InfluxQlPerformance.Read(json, query.Step);
        var again = new HttpRequestMessage(HttpMethod.Get, path + InfluxQlPerformance.WithoutRowLimit) { Headers = { { "Accept", "application/csv" } } };
        return InfluxQlPerformance.ReadCsv(await InfluxHttp.SendAsync(_http, again, stop), query.Step);
    }

    /// <summary>Whether InfluxDB answers at all.</summary>
    /// <exception cref="InfluxUnavailableException">It does not.</exception>
    public Task PingAsync(CancellationToken stop) => InfluxHttp.PingAsync(_http, stop);

    public void Dispose() => _http.Dispose();
}
