using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Pipeline.Processors.Analysis.Grpc;
using Pipeline.Sinks.Hosting;

namespace Pipeline.Processors.Tests.Analysis.Grpc;

/// <summary>Kestrel on three addresses: HTTP/2 by TCP and by a Unix socket, HTTP/1.1 by TCP.</summary>
sealed class GrpcServer : IAsyncDisposable
{
    public const int MessageBytesMax = 16 * 1024 * 1024;

    public static GrpcLimits Limits => new(MessageBytesMax, new InFlightBytes(4L * MessageBytesMax), TimeSpan.FromMinutes(1));

    readonly WebApplication _app;
    readonly string _folder = Directory.CreateTempSubdirectory("pipeline-test-grpc-").FullName;

    GrpcServer(Action<IEndpointRouteBuilder> map)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, o => o.Protocols = HttpProtocols.Http2);
            kestrel.Listen(IPAddress.Loopback, 0, o => o.Protocols = HttpProtocols.Http1);
            kestrel.ListenUnixSocket(Socket, o => o.Protocols = HttpProtocols.Http2);
        });
        _app = builder.Build();
        map(_app);
    }

    public string Socket => Path.Combine(_folder, "grpc");

    public Uri Http2 => new(_app.Urls.First(u => u.Contains("127", StringComparison.Ordinal)));

    public Uri Http1 => new(_app.Urls.Last(u => u.Contains("127", StringComparison.Ordinal)));

    public HttpClient Client => field ??= new HttpClient { BaseAddress = Http2 };

    public HttpClient SocketClient => field ??= new HttpClient(new SocketsHttpHandler { ConnectCallback = ConnectAsync }) { BaseAddress = new Uri("http://localhost") };

    public static async Task<GrpcServer> StartAsync(Action<IEndpointRouteBuilder> map)
    {
        var server = new GrpcServer(map);
        await server._app.StartAsync();
        return server;
    }

    public static Task<GrpcServer> StartAsync(params GrpcMethod[] methods) => StartAsync(Limits, methods);

    public static Task<GrpcServer> StartAsync(GrpcLimits limits, params GrpcMethod[] methods) => StartAsync(app => app.MapGrpc(methods, limits));

    /// <summary>As long as its calls last.</summary>
    public Task StopAsync() => _app.StopAsync();

    async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken stop)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Socket), stop);
        return new NetworkStream(socket, ownsSocket: true);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        SocketClient.Dispose();
        using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(soon.Token);
        await _app.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
