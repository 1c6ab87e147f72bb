using System.Net;

namespace Pipeline.Faults.Servers;

/// <summary>Stands before InfluxDB and answers 413 to every write above a size, as a load balancer with a limit of its own does.</summary>
sealed class SizeLimit : IAsyncDisposable
{
    readonly HttpListener _listener = new();
    readonly HttpClient _http;
    readonly int _bytesMax;
    readonly Task _serving;
    int _refused;

    public SizeLimit(Uri upstream, int bytesMax)
    {
        (_http, _bytesMax) = (new HttpClient { BaseAddress = upstream }, bytesMax);
        Url = new Uri($"http://127.0.0.1:{Ports.Free()}/");
        _listener.Prefixes.Add(Url.ToString());
        _listener.Start();
        _serving = Task.Run(ServeAsync);
    }

    public Uri Url { get; }

    /// <summary>Whether the limit is in force.</summary>
    public bool IsOn { get; set; }

    public int Refused => _refused;

    async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            try
            {
                var context = await _listener.GetContextAsync();
                _ = AnswerAsync(context);
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    async Task AnswerAsync(HttpListenerContext context)
    {
        try
        {
            using var body = new MemoryStream();
            await context.Request.InputStream.CopyToAsync(body);
            var status = 413;
            if (!IsOn || body.Length <= _bytesMax)
                status = await ForwardAsync(context.Request, body.ToArray());
            else
                Interlocked.Increment(ref _refused);
            context.Response.StatusCode = status;
            context.Response.Close();
        }
        catch (Exception e) when (e is HttpListenerException or HttpRequestException or ObjectDisposedException or IOException)
        {
            context.Response.Abort();
        }
    }

    async Task<int> ForwardAsync(HttpListenerRequest request, byte[] body)
    {
        using var forwarded = new HttpRequestMessage(new HttpMethod(request.HttpMethod), request.RawUrl) { Content = body.Length > 0 ? new ByteArrayContent(body) : null };
        if (request.Headers["Authorization"] is { } authorization)
            forwarded.Headers.TryAddWithoutValidation("Authorization", authorization);
        using var answer = await _http.SendAsync(forwarded);
        return (int)answer.StatusCode;
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _serving;
        _http.Dispose();
    }
}
