using System.Net.Sockets;
using System.Text;

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>An HTTP/1.1 request by hand, so that its body can stop in the middle.</summary>
sealed class RawHttp : IDisposable
{
    readonly TcpClient _client = new();

    public static async Task<RawHttp> BeginAsync(Uri host, string path, string headers, ReadOnlyMemory<byte> body)
    {
        var raw = new RawHttp();
        await raw._client.ConnectAsync(host.Host, host.Port);
        await raw.SendAsync(Encoding.ASCII.GetBytes($"POST {path} HTTP/1.1\r\nHost: {host.Authority}\r\n{headers}\r\n\r\n"));
        await raw.SendAsync(body);
        return raw;
    }

    public ValueTask SendAsync(ReadOnlyMemory<byte> bytes) => _client.GetStream().WriteAsync(bytes);

    /// <summary>What comes back, until it holds this text or the other side closes.</summary>
    public async Task<string> ReadAsync(string until)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var (text, buffer) = ("", new byte[4096]);
        try
        {
            for (int read; !text.Contains(until, StringComparison.Ordinal) && (read = await _client.GetStream().ReadAsync(buffer, deadline.Token)) > 0;)
                text += Encoding.ASCII.GetString(buffer, 0, read);
        }
        catch (IOException e)
        {
            text += $"[{e.Message}]";
        }
        return text;
    }

    public void Dispose() => _client.Dispose();
}
