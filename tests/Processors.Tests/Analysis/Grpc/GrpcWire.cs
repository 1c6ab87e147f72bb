using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;

namespace Pipeline.Processors.Tests.Analysis.Grpc;

/// <summary>What came back, undecoded.</summary>
sealed record GrpcAnswer(HttpStatusCode Http, string? Status, string Message, bool IsTrailersOnly, List<byte[]> Messages, HttpResponseMessage Response)
{
    public T Read<T>(MessageParser<T> parser) where T : IMessage<T> => parser.ParseFrom(Messages.Single());
}

/// <summary>gRPC by hand, so that it can be done wrongly.</summary>
static class GrpcWire
{
    public static byte[] Frame(byte[] message, byte flag = 0, int? length = null)
    {
        var frame = new byte[5 + message.Length];
        frame[0] = flag;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), length ?? message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    public static byte[] Frame(IMessage message) => Frame(message.ToByteArray());

    public static byte[] Gzip(byte[] plain)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
            gzip.Write(plain);
        return packed.ToArray();
    }

    public static HttpRequestMessage Request(string path, HttpContent body, params (string Name, string Value)[] headers)
    {
        body.Headers.ContentType ??= new MediaTypeHeaderValue("application/grpc");
        var request = new HttpRequestMessage(HttpMethod.Post, "/" + path) { Content = body, Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Headers.TE.ParseAdd("trailers");
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return request;
    }

    public static Task<GrpcAnswer> CallAsync(this HttpClient client, string path, IMessage message, params (string Name, string Value)[] headers) =>
        client.CallAsync(path, Frame(message), headers);

    public static Task<GrpcAnswer> CallAsync(this HttpClient client, string path, byte[] body, params (string Name, string Value)[] headers) =>
        client.CallAsync(Request(path, new ByteArrayContent(body), headers));

    public static async Task<GrpcAnswer> CallAsync(this HttpClient client, HttpRequestMessage request)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
        var body = await response.Content.ReadAsByteArrayAsync(deadline.Token);
        var isTrailersOnly = response.Headers.Contains("grpc-status");
        var place = isTrailersOnly ? response.Headers : response.TrailingHeaders;
        return new GrpcAnswer(response.StatusCode, Value(place, "grpc-status"), Value(place, "grpc-message") ?? "", isTrailersOnly, Split(body), response);
    }

    static string? Value(HttpHeaders headers, string name) => headers.TryGetValues(name, out var values) ? values.Single() : null;

    static List<byte[]> Split(ReadOnlySpan<byte> body)
    {
        var messages = new List<byte[]>();
        while (body.Length > 0)
        {
            var message = body.Slice(5, BinaryPrimitives.ReadInt32BigEndian(body[1..]));
            messages.Add(body[0] == 0 ? message.ToArray() : Inflate(message.ToArray()));
            body = body[(5 + message.Length)..];
        }
        return messages;
    }

    static byte[] Inflate(byte[] packed)
    {
        var plain = new MemoryStream();
        using var gzip = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
        gzip.CopyTo(plain);
        return plain.ToArray();
    }
}

/// <summary>A body that begins and does not end before it is told to.</summary>
sealed class OpenContent(byte[] beginning) : HttpContent
{
    public TaskCompletionSource End { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        await stream.WriteAsync(beginning);
        await stream.FlushAsync();
        await End.Task;
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
