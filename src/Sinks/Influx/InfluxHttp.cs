using System.Net.Http.Headers;
using System.Text;

namespace Pipeline.Sinks.Influx;

/// <summary>How InfluxDB is reached, whatever it is asked: its address, who we are, and how long an answer may take.</summary>
static class InfluxHttp
{
    const int AnswerCharactersMax = 500;

    public static HttpClient NewClient(InfluxOptions options, TimeSpan timeout, int connectionsMax = int.MaxValue)
    {
        var http = new HttpClient(new SocketsHttpHandler
        {
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            ConnectTimeout = TimeSpan.FromSeconds(5),
            MaxConnectionsPerServer = connectionsMax,
        })
        {
            BaseAddress = options.Url,
            Timeout = timeout,
        };
        if (options.Token.Length > 0)
            http.DefaultRequestHeaders.Authorization = options.Api == InfluxApi.V2
                ? new AuthenticationHeaderValue("Token", options.Token)
                : new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(options.Token)));
        return http;
    }

    /// <returns>The body of an answer that is a success.</returns>
    /// <exception cref="InfluxUnavailableException">There is none in time, or one that names a failure.</exception>
    public static async Task<byte[]> SendAsync(HttpClient http, HttpRequestMessage request, CancellationToken stop)
    {
        try
        {
            using (request)
            using (var answer = await http.SendAsync(request, stop))
            {
                var body = await answer.Content.ReadAsByteArrayAsync(stop);
                return answer.IsSuccessStatusCode ? body : throw new InfluxUnavailableException($"{(int)answer.StatusCode} {Start(Encoding.UTF8.GetString(body))}");
            }
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

    public static HttpRequestMessage Post(string path, byte[] json)
    {
        var content = new ByteArrayContent(json);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
    }

    /// <summary>Whether InfluxDB answers at all; both versions have this path.</summary>
    /// <exception cref="InfluxUnavailableException">It does not.</exception>
    public static async Task PingAsync(HttpClient http, CancellationToken stop)
    {
        try
        {
            using var answer = await http.GetAsync("ping", stop);
            if (!answer.IsSuccessStatusCode)
                throw new InfluxUnavailableException($"ping answered {(int)answer.StatusCode}");
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException && !stop.IsCancellationRequested)
        {
            throw new InfluxUnavailableException(e.Message, e);
        }
    }

    /// <summary>The answer may quote the sender's text; it is never cut within a surrogate pair.</summary>
    public static ReadOnlySpan<char> Start(string text)
    {
        var length = Math.Min(text.Length, AnswerCharactersMax);
        return text.AsSpan(0, length > 0 && char.IsHighSurrogate(text[length - 1]) ? length - 1 : length);
    }
}
