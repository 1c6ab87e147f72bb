using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Pipeline.Processors.Analysis.Grpc;
using Pipeline.Processors.Analysis.Grpc.Messages;

namespace Pipeline.Benchmarks;

/// <summary>
/// What it takes to bring a million numbers to the engine and its answer back, by every road, the raw round trip of the same bytes beside them: all in turn, so that
/// whatever else runs here meets all alike. What is sent was made before; the algorithm is the mean, one reading of the numbers.
/// </summary>
static class AnalysisTransportBenchmark
{
    const int Million = 1_000_000, AnswerBytes = 200;

    public static async Task RunAsync(Servers servers, Report report, bool quick)
    {
        var database = await servers.NewDatabaseAsync();
        var folder = Directory.CreateTempSubdirectory("pipeline-bench-").FullName;
        var (socket, httpSocket, grpc) = (Path.Combine(folder, "engine.sock"), Path.Combine(folder, "http1.sock"), FreeAddress());
        try
        {
            await using var host = HostProcess.Ours(servers, "Processors", new()
            {
                ["Pipeline__Postgres__ConnectionString"] = database,
                ["Pipeline__Processors__Roles"] = "engine",
                ["Pipeline__Analysis__Python"] = "off",
                ["Pipeline__Analysis__CacheBytesMax"] = "0",
                ["Pipeline__Analysis__GrpcAddress"] = grpc,
                ["Pipeline__Analysis__GrpcSocket"] = socket,
                ["ASPNETCORE_URLS"] = $"http://127.0.0.1:0;http://unix:{httpSocket}",
            });
            var url = await host.ListeningAsync();
            await using var ingest = HostProcess.Ours(servers, "Ingest", new()
            {
                ["Pipeline__Postgres__ConnectionString"] = database, ["Pipeline__Kafka__EventsTopic"] = "unused", ["Pipeline__Analysis__Engines__0"] = url.ToString(),
            });
            await MeasureAsync(report, url, await ingest.ListeningAsync(), new Uri($"http://{grpc}"), socket, httpSocket, quick ? 20 : 200);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
            await servers.DropDatabaseAsync(database);
        }
    }

    static async Task MeasureAsync(Report report, Uri url, Uri ingest, Uri grpc, string socket, string httpSocket, int rounds)
    {
        var random = new Random(1);
        var values = Enumerable.Range(0, Million).Select(_ => random.Next(-1_000_000, 1_000_000) / 1000.0).ToArray();
        var raw = MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
        var message = new AnalyzeRequest { Algorithm = "mean", Data = { values } }.ToByteArray();
        byte[] frame = [0, .. BitConverter.GetBytes(IPAddress.HostToNetworkOrder(message.Length)), .. message];
        var json = System.Text.Encoding.ASCII.GetBytes($$$"""{"algorithm":"mean","input":{"values":[{{{string.Join(',', values.Select(v => v.ToString("R", CultureInfo.InvariantCulture)))}}}] } }""");

        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var echo = AnswerAsync(listener, raw.Length);
        using var peer = new TcpClient { NoDelay = true };
        await peer.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        using var byTcp = new HttpClient();
        using var bySocket = new HttpClient(new SocketsHttpHandler { ConnectCallback = (_, stop) => ConnectAsync(socket, stop) });
        using var byHttpSocket = new HttpClient(new SocketsHttpHandler { ConnectCallback = (_, stop) => ConnectAsync(httpSocket, stop) });
        var local = new Uri("http://localhost");
        const string path = "api/v1/analyze?algorithm=mean", call = "analytics.AnalyticsEngine/Analyze";
        (string Name, int Bytes, Func<Task> Send)[] roads =
        [
            ("raw TCP, read and answered", raw.Length, () => RawAsync(peer.GetStream(), raw)),
            ("float64, TCP, HTTP/1.1", raw.Length, () => PostAsync(byTcp, new Uri(url, path), raw, "application/x-float64", HttpVersion.Version11)),
            ("float64, TCP, HTTP/1.1, through Ingest", raw.Length, () => PostAsync(byTcp, new Uri(ingest, path), raw, "application/x-float64", HttpVersion.Version11)),
            ("float64, TCP, HTTP/2", raw.Length, () => PostAsync(byTcp, new Uri(grpc, path), raw, "application/x-float64", HttpVersion.Version20)),
            ("float64, Unix socket, HTTP/1.1", raw.Length, () => PostAsync(byHttpSocket, new Uri(local, path), raw, "application/x-float64", HttpVersion.Version11)),
            ("float64, Unix socket, HTTP/2", raw.Length, () => PostAsync(bySocket, new Uri(local, path), raw, "application/x-float64", HttpVersion.Version20)),
            ("gRPC, TCP", frame.Length, () => PostAsync(byTcp, new Uri(grpc, call), frame, GrpcHeaders.ContentType, HttpVersion.Version20)),
            ("gRPC, Unix socket", frame.Length, () => PostAsync(bySocket, new Uri(local, call), frame, GrpcHeaders.ContentType, HttpVersion.Version20)),
            ("JSON, TCP, HTTP/1.1", json.Length, () => PostAsync(byTcp, new Uri(url, path), json, "application/json", HttpVersion.Version11)),
        ];
        var took = roads.Select(_ => new List<double>()).ToArray();
        // The first tenth compiles.
        for (var round = -rounds / 10; round < rounds; round++)
            for (var i = 0; i < roads.Length; i++)
            {
                var began = Stopwatch.GetTimestamp();
                await roads[i].Send();
                if (round >= 0)
                    took[i].Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            }
        for (var i = 0; i < roads.Length; i++)
            report.Figure($"{roads[i].Name}, p50", Report.Median(took[i]), "ms", string.Create(CultureInfo.InvariantCulture, $"{raw.Length / 1e3 / Report.Median(took[i]):N0} MB of numbers/s, {roads[i].Bytes / 1e6:N1} MB sent"));
        for (var i = 1; i < roads.Length; i++)
            report.Ratio(roads[i].Name + " / raw", Report.Median(took[i]), Report.Median(took[0]), i <= 4 ? "≤ 2" : "-");
        peer.Close();
        await echo;
    }

    static async Task PostAsync(HttpClient client, Uri address, byte[] body, string type, Version version)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, address) { Version = version, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue(type) } } };
        using var answer = await client.SendAsync(request);
        var bytes = await answer.Content.ReadAsByteArrayAsync();
        if (answer.StatusCode != HttpStatusCode.OK || bytes.Length == 0)
            throw new InvalidOperationException($"{address} answered {answer.StatusCode} with {bytes.Length} bytes");
    }

    static async Task RawAsync(NetworkStream stream, byte[] body)
    {
        await stream.WriteAsync(body);
        await stream.ReadExactlyAsync(new byte[AnswerBytes]);
    }

    /// <summary>The other side of the raw road: everything is read into one buffer, and a few bytes go back.</summary>
    static async Task AnswerAsync(TcpListener listener, int bytes)
    {
        using var client = await listener.AcceptTcpClientAsync();
        client.NoDelay = true;
        var (stream, buffer, answer) = (client.GetStream(), new byte[bytes], new byte[AnswerBytes]);
        while (await stream.ReadAtLeastAsync(buffer, bytes, throwOnEndOfStream: false) == bytes)
            await stream.WriteAsync(answer);
    }

    static async ValueTask<Stream> ConnectAsync(string path, CancellationToken stop)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), stop);
        return new NetworkStream(socket, ownsSocket: true);
    }

    static string FreeAddress()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return listener.LocalEndpoint.ToString()!;
    }
}
