using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Pipeline.Processors.Analysis.Grpc;

/// <summary>Where the engine is called by HTTP/2: an address and a Unix socket of their own, because without TLS there is nothing by which to choose a protocol.</summary>
static class GrpcAddresses
{
    const string Urls = "urls", HttpPorts = "http_ports", HttpsPorts = "https_ports", UrlDefault = "http://localhost:5000";

    public static void AddGrpcAddresses(this WebApplicationBuilder builder)
    {
        // The server reads its addresses before settings are validated; those that cannot be read are reported there.
        var settings = builder.Configuration.GetSection(AnalysisSettings.Section);
        IPEndPoint.TryParse(settings[nameof(AnalysisSettings.GrpcAddress)] ?? new AnalysisSettings().GrpcAddress, out var address);
        var socket = settings[nameof(AnalysisSettings.GrpcSocket)] is { } path && Path.IsPathRooted(path) ? path : null;
        if (address is null && socket is null)
            return;
        builder.Services.AddSingleton<SocketFiles>();
        builder.Services.AddOptions<SocketTransportOptions>().Configure<SocketFiles>((o, files) => o.CreateBoundListenSocket = endpoint => endpoint is UnixDomainSocketEndPoint unix
            ? files.Bind(unix) : SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint));
        // Whoever names addresses in code is given no others: the usual ones are named here, too, and first.
        var usual = builder.Configuration.GetSection("Kestrel:Endpoints").Exists() ? [] : TakeUrls(builder.Configuration);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            foreach (var url in usual)
                Listen(kestrel, BindingAddress.Parse(url));
            if (address is not null)
                kestrel.Listen(address, o => o.Protocols = HttpProtocols.Http2);
            if (socket is not null)
                kestrel.ListenUnixSocket(socket, o => o.Protocols = HttpProtocols.Http2);
        });
    }

    /// <summary>As the platform reads them; taken away, so that it does not warn of addresses that are passed over.</summary>
    static List<string> TakeUrls(IConfigurationManager configuration)
    {
        static IEnumerable<string> Split(string? text) => (text ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        List<string> urls = [.. Split(configuration[Urls])];
        if (urls.Count == 0)
            urls = [.. Split(configuration[HttpPorts]).Select(p => $"http://*:{p}"), .. Split(configuration[HttpsPorts]).Select(p => $"https://*:{p}")];
        // An empty list; where there is no list at all, the platform looks for others.
        configuration[Urls] = ";";
        return urls.Count > 0 ? urls : [UrlDefault];
    }

    static void Listen(KestrelServerOptions kestrel, BindingAddress url)
    {
        Action<ListenOptions> configure = o =>
        {
            if (url.Scheme.Equals(Uri.UriSchemeHttps, StringComparison.OrdinalIgnoreCase))
                o.UseHttps();
        };
        if (url.IsUnixPipe)
            kestrel.ListenUnixSocket(url.UnixPipePath, configure);
        else if (IPAddress.TryParse(url.Host.Trim('[', ']'), out var address))
            kestrel.Listen(address, url.Port, configure);
        else if (url.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
            kestrel.ListenLocalhost(url.Port, configure);
        else
            kestrel.ListenAnyIP(url.Port, configure);
    }
}
