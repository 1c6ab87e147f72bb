using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;
using Pipeline.Ingest.Engines;

namespace Pipeline.Ingest.Tests;

/// <summary>To which engines a request goes when they fail: each is a listener that counts who comes.</summary>
public sealed class EnginePoolTests
{
    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")]
    public async Task A_request_that_ends_what_executes_it_is_tried_once_more_and_not_carried_to_all(string answer)
    {
        using var engines = new Listeners(4, answer);
        using var pool = engines.Pool();
        using var last = await pool.AskAsync("analysis/analyze", "{}"u8.ToArray(), Stop);
        Assert.Equal(answer.Length == 0 ? null : HttpStatusCode.ServiceUnavailable, last?.StatusCode);
        Assert.Equal(2, engines.Asked);
        Assert.All(pool.States, s => Assert.Equal(0, s.Pending));
    }

    [Fact]
    public async Task One_that_has_no_room_sends_it_on_to_every_other()
    {
        using var engines = new Listeners(4, "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        using var pool = engines.Pool();
        using var last = await pool.AskAsync("analysis/analyze", "{}"u8.ToArray(), Stop);
        Assert.Equal((HttpStatusCode.TooManyRequests, 4), (last!.StatusCode, engines.Asked));
    }

    [Fact]
    public async Task Those_that_are_away_are_passed_over_and_named()
    {
        using var away = new Listeners(3, "");
        using var there = new Listeners(1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
        away.Close();
        using var pool = Listeners.Pool([.. away.Addresses, .. there.Addresses]);
        for (var i = 0; i < 4; i++)
            using (var answer = await pool.AskAsync("analysis/analyze", "{}"u8.ToArray(), Stop))
                Assert.Equal(HttpStatusCode.OK, answer!.StatusCode);
        Assert.Equal(4, there.Asked);
        Assert.Null(pool.States[^1].LastError);
    }

    /// <summary>Each reads a request and answers with the same bytes, or closes.</summary>
    sealed class Listeners : IDisposable
    {
        readonly List<TcpListener> _listeners;
        int _asked;

        public Listeners(int count, string answer)
        {
            _listeners = [.. Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0))];
            foreach (var listener in _listeners)
            {
                listener.Start();
                _ = AcceptAsync(listener, System.Text.Encoding.ASCII.GetBytes(answer));
            }
            Addresses = [.. _listeners.Select(l => $"http://{l.LocalEndpoint}")];
        }

        public string[] Addresses { get; }

        public int Asked => Volatile.Read(ref _asked);

        public EnginePool Pool() => Pool(Addresses);

        public static EnginePool Pool(string[] addresses) => new(Options.Create(new EngineOptions { Engines = [.. addresses] }), TimeProvider.System);

        async Task AcceptAsync(TcpListener listener, byte[] answer)
        {
            try
            {
                while (true)
                {
                    using var client = await listener.AcceptTcpClientAsync();
                    Interlocked.Increment(ref _asked);
                    var buffer = new byte[4096];
                    // The head and the two bytes of the body may come apart.
                    for (var text = ""; !text.EndsWith("{}", StringComparison.Ordinal);)
                        text += System.Text.Encoding.ASCII.GetString(buffer, 0, await client.GetStream().ReadAsync(buffer));
                    await client.GetStream().WriteAsync(answer);
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or IOException)
            {
                // It was closed.
            }
        }

        public void Close() => _listeners.ForEach(l => l.Stop());

        public void Dispose() => Close();
    }
}
