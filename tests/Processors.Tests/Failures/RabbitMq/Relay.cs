using System.Net;
using System.Net.Sockets;

namespace Pipeline.Processors.Tests.Failures.RabbitMq;

/// <summary>Stands between a client and the server. Held, it takes bytes and passes none on, as a hanging network does.</summary>
sealed class Relay : IAsyncDisposable
{
    readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    readonly CancellationTokenSource _end = new();
    readonly Uri _target;
    readonly System.Collections.Concurrent.ConcurrentBag<TcpClient> _open = [];
    volatile bool _held;

    public Relay(Uri target)
    {
        _target = target;
        _listener.Start();
        Uri = new UriBuilder(target) { Host = "127.0.0.1", Port = ((IPEndPoint)_listener.LocalEndpoint).Port }.Uri.ToString();
        _ = AcceptAsync();
    }

    public string Uri { get; }

    /// <summary>How many connections there were.</summary>
    public int Connections { get; private set; }

    public void Hold() => _held = true;

    /// <summary>New connections get through; what was swallowed stays so.</summary>
    public void GoOn() => _held = false;

    /// <summary>Ends every connection; new ones get through.</summary>
    public void Cut()
    {
        while (_open.TryTake(out var client))
            client.Dispose();
    }

    async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_end.Token);
                Connections++;
                var server = new TcpClient();
                await server.ConnectAsync(_target.Host, _target.Port, _end.Token);
                _open.Add(client);
                _open.Add(server);
                _ = PassAsync(client, server);
                _ = PassAsync(server, client);
            }
        }
        catch (Exception) when (_end.IsCancellationRequested)
        {
            // The test is over.
        }
    }

    async Task PassAsync(TcpClient from, TcpClient to)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.GetStream().ReadAsync(buffer, _end.Token) is > 0 and var read)
                if (!_held)
                    await to.GetStream().WriteAsync(buffer.AsMemory(0, read), _end.Token);
        }
        catch (Exception)
        {
            // One side ended; so does the other.
        }
        from.Dispose();
        to.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Dispose();
        _end.Dispose();
    }
}
