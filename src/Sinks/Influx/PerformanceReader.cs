namespace Pipeline.Sinks.Influx;

/// <summary>Reads performance events as means over steps, all metrics in one query: Flux by the v2 API, InfluxQL by the v1 API.</summary>
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
        var body = await InfluxHttp.SendAsync(_http, Request(query), stop);
        return _options.Api == InfluxApi.V2 ? FluxPerformance.Read(body, query.Step) : InfluxQlPerformance.Read(body, query.Step);
    }

    /// <summary>Whether InfluxDB answers at all.</summary>
    /// <exception cref="InfluxUnavailableException">It does not.</exception>
    public Task PingAsync(CancellationToken stop) => InfluxHttp.PingAsync(_http, stop);

    HttpRequestMessage Request(PerformanceQuery query) => _options.Api == InfluxApi.V1
        ? new HttpRequestMessage(HttpMethod.Get, InfluxQlPerformance.Path(query, _options.Bucket))
        : InfluxHttp.Post($"api/v2/query?org={Uri.EscapeDataString(_options.Org)}", FluxPerformance.Body(query, _options.Bucket));

    public void Dispose() => _http.Dispose();
}
