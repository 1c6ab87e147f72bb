using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
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
    readonly bool _isV2;

    public InfluxWriter(InfluxOptions options)
    {
        _http = InfluxHttp.NewClient(options, options.Timeout);
        _isV2 = options.Api == InfluxApi.V2;
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
            if (answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity && LeftOut(text, lines.Span) is { } leftOut)
                return leftOut;
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

    /// <summary>
    /// How many lines InfluxDB left out for their age, where its answer is about that and nothing else; null where it is about anything else. The v1 API says so of a write of
    /// which it could not read other lines too, so that there only an answer about all lines counts: the others are sent again, fewer at a time.
    /// </summary>
    int? LeftOut(string answer, ReadOnlySpan<byte> lines)
    {
        if (BeyondRetention().Match(MessageOf(answer)) is not { Success: true } beyond)
            return null;
        var (left, sent) = (int.Parse(beyond.Groups["n"].ValueSpan, CultureInfo.InvariantCulture), lines.Count((byte)'\n') + (lines.EndsWith("\n"u8) ? 0 : 1));
        return left == sent || (_isV2 && left < sent) ? left : null;
    }

    static string MessageOf(string answer)
    {
        try
        {
            using var json = JsonDocument.Parse(answer);
            return json.RootElement.TryGetProperty("message", out var message) || json.RootElement.TryGetProperty("error", out message) ? message.GetString() ?? "" : "";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return "";
        }
    }

    /// <summary>From the message's beginning: what it quotes of a line is the sender's, and could say the same.</summary>
    [GeneratedRegex(@"\A(?:failure writing points to database: )?partial write: (?:points beyond retention policy dropped=(?<n>\d{1,9})\z|dropped (?<n>\d{1,9}) points outside retention policy)")]
    private static partial Regex BeyondRetention();

    /// <summary>Whether InfluxDB answers at all.</summary>
    /// <exception cref="InfluxUnavailableException">It does not.</exception>
    public Task PingAsync(CancellationToken stop) => InfluxHttp.PingAsync(_http, stop);

    public void Dispose() => _http.Dispose();
}
