using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;

namespace Pipeline.Sinks.Influx;

/// <summary>InfluxDB answered that lines of this write can never be stored. It may have stored the others.</summary>
public sealed class InfluxRefusedException(string message) : Exception(message);

/// <summary>InfluxDB did not store the write now: down, slow, overloaded, or its set-up is not complete.</summary>
public sealed class InfluxUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Writes line protocol over HTTP: the v2 API, or the v1 API for InfluxDB 1.x. Stands in for the package InfluxDB.Client.</summary>
public sealed partial class InfluxWriter : IDisposable
{
    readonly HttpClient _http;
    readonly string _writePath;

    public InfluxWriter(InfluxOptions options)
    {
        _http = InfluxHttp.NewClient(options, options.Timeout);
        _writePath = options.Api == InfluxApi.V2
            ? $"api/v2/write?org={Uri.EscapeDataString(options.Org)}&bucket={Uri.EscapeDataString(options.Bucket)}&precision=ns"
            : $"write?db={Uri.EscapeDataString(options.Bucket)}&precision=ns";
    }

    /// <summary>Sends lines and returns once they are stored.</summary>
    /// <returns>How many of them InfluxDB left out because they are older than its retention; the others are stored.</returns>
    /// <exception cref="InfluxRefusedException">The data is at fault (400, 413, 422): the same lines never work.</exception>
    /// <exception cref="InfluxUnavailableException">Anything else that keeps the write from being stored.</exception>
    public async Task<int> WriteAsync(ReadOnlyMemory<byte> lines, CancellationToken stop)
    {
        try
        {
            using var content = new ReadOnlyMemoryContent(lines);
            content.Headers.ContentType = new MediaTypeHeaderValue("text/plain", "utf-8");
            using var answer = await _http.PostAsync(_writePath, content, stop);
            if (answer.IsSuccessStatusCode)
                return 0;
            var text = await answer.Content.ReadAsStringAsync(stop);
            if (BeyondRetention().Match(text) is { Success: true } beyond)
                return int.Parse(beyond.Groups["n"].ValueSpan, CultureInfo.InvariantCulture);
            var message = $"{(int)answer.StatusCode} {InfluxHttp.Start(text)}";
            if (answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.RequestEntityTooLarge or HttpStatusCode.UnprocessableEntity)
                throw new InfluxRefusedException(message);
            throw new InfluxUnavailableException(message);
        }
        catch (HttpRequestException e)
        {
            throw new InfluxUnavailableException(e.Message, e);
        }
        catch (TaskCanceledException e) when (!stop.IsCancellationRequested)
        {
            throw new InfluxUnavailableException("no answer in time", e);
        }
    }

    /// <summary>Said only where every other point was stored: a failure of theirs is answered instead.</summary>
    [GeneratedRegex(@"(?:beyond|outside) retention policy[^""]*?dropped=(?<n>\d{1,9})|dropped (?<n>\d{1,9}) points outside retention policy")]
    private static partial Regex BeyondRetention();

    /// <summary>Whether InfluxDB answers at all.</summary>
    /// <exception cref="InfluxUnavailableException">It does not.</exception>
    public Task PingAsync(CancellationToken stop) => InfluxHttp.PingAsync(_http, stop);

    public void Dispose() => _http.Dispose();
}
