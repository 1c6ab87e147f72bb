using System.Net;
using System.Net.Sockets;

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>Stands between a host and a server. Held, it takes everything and passes nothing on: what a server that hangs looks like.</summary>
public sealed class Relay : IAsyncDisposable
{
    readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    readonly CancellationTokenSource _end = new();
    readonly string _host;
    readonly int _port;
    readonly Task _accepting;
    volatile TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Relay(string host, int port)
    {
        (_host, _port) = (host, port);
        _open.SetResult();
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>A relay in front of this server, and its address.</summary>
    public static (Relay Relay, string Uri) Before(string uri)
    {
        var given = new Uri(uri);
        var relay = new Relay(given.Host, given.Port > 0 ? given.Port : 5432);
        return (relay, $"{given.Scheme}://{given.UserInfo}@127.0.0.1:{relay.Port}{given.PathAndQuery}");
    }

    /// <summary>What was held goes on its way.</summary>
    public void Release() => _open.TrySetResult();

    public void Hold() => _open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    async Task AcceptAsync()
    {
        while (!_end.IsCancellationRequested)
            _ = PassAsync(await _listener.AcceptTcpClientAsync(_end.Token));
    }

    async Task PassAsync(TcpClient client)
    {
        using var from = client;
        using var to = new TcpClient();
        try
        {
            await _open.Task.WaitAsync(_end.Token);
            await to.ConnectAsync(_host, _port, _end.Token);
            await Task.WhenAny(CopyAsync(from.GetStream(), to.GetStream()), CopyAsync(to.GetStream(), from.GetStream()));
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            // Either side may go at any time.
        }
    }

    async Task CopyAsync(NetworkStream from, NetworkStream to)
    {
        var buffer = new byte[64 * 1024];
        while (await from.ReadAsync(buffer, _end.Token) is > 0 and var read)
        {
            await _open.Task.WaitAsync(_end.Token);
            await to.WriteAsync(buffer.AsMemory(0, read), _end.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Stop();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _listener.Dispose();
        _end.Dispose();
    }
}
