using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Pipeline.Benchmarks;

/// <summary>What a stretch of load brought.</summary>
/// <param name="Answers">Which of the requests, and how long it took.</param>
sealed record LoadResult(double EventsPerSecond, long Requests, long Failures, IReadOnlyList<(int Request, double Ms)> Answers)
{
    public double Percentile(double p) => Percentile(p, _ => true);

    /// <param name="of">Of these requests alone.</param>
    public double Percentile(double p, Predicate<int> of)
    {
        var sorted = Answers.Where(a => of(a.Request)).Select(a => a.Ms).Order().ToList();
        return sorted.Count == 0 ? double.NaN : sorted[Math.Min(sorted.Count - 1, (int)(p * sorted.Count))];
    }
}

/// <summary>HTTP/1.1 load over keep-alive connections. It writes ready-made requests to sockets, so that it costs the measured host little.</summary>
static class HttpLoad
{
    const int AnswerBytesMax = 1024 * 1024;

    public static byte[] Request(Uri target, string body) => Request(target, Encoding.UTF8.GetBytes(body));

    public static byte[] Request(Uri target, ReadOnlySpan<byte> body) =>
        [.. Encoding.ASCII.GetBytes($"POST /api/v1/events/batch HTTP/1.1\r\nHost: {target.Authority}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n"), .. body];

    public static byte[] Question(Uri target, string path) => Encoding.ASCII.GetBytes($"GET /api/v1/{path} HTTP/1.1\r\nHost: {target.Authority}\r\n\r\n");

    /// <summary>Every connection sends its next batch when the last one was answered; with a rate, batches start on a fixed schedule and latency counts from there.</summary>
    public static async Task<LoadResult> RunAsync(Uri target, IReadOnlyList<byte[]> requests, int eventsPerRequest, int connections, TimeSpan time, double? requestsPerSecond = null)
    {
        long sent = 0, failures = 0;
        var latencies = new ConcurrentBag<(int Request, double Ms)>();
        var clock = Stopwatch.StartNew();
        var address = new IPEndPoint(IPAddress.Loopback, target.Port);
        await Task.WhenAll(Enumerable.Range(0, connections).Select(_ => Task.Run(async () =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(address);
            var buffer = new byte[16 * 1024];
            while (clock.Elapsed < time)
            {
                var number = Interlocked.Increment(ref sent) - 1;
                var due = requestsPerSecond is { } rate ? TimeSpan.FromSeconds(number / rate) : clock.Elapsed;
                if (due > time)
                    break;
                if (due - clock.Elapsed is { Ticks: > 0 } early)
                    await Task.Delay(early);
                var from = requestsPerSecond is null ? clock.Elapsed : due;
                var request = (int)(number % requests.Count);
                var (isAccepted, room) = await SendAsync(socket, requests[request], buffer);
                buffer = room;
                if (!isAccepted)
                    Interlocked.Increment(ref failures);
                latencies.Add((request, (clock.Elapsed - from).TotalMilliseconds));
            }
        })));
        var elapsed = clock.Elapsed;
        return new LoadResult((latencies.Count - failures) * eventsPerRequest / elapsed.TotalSeconds, latencies.Count, failures, [.. latencies]);
    }

    /// <summary>Sends one request and reads its answer, whose end is told by its length or its last chunk.</summary>
    /// <returns>Whether it was 200, and the buffer, which may have grown.</returns>
    static async Task<(bool IsAccepted, byte[] Buffer)> SendAsync(Socket socket, byte[] request, byte[] buffer)
    {
        for (var written = 0; written < request.Length;)
            written += await socket.SendAsync(request.AsMemory(written));
        var length = 0;
        while (true)
        {
            var read = await socket.ReceiveAsync(buffer.AsMemory(length));
            if (read == 0)
                return (false, buffer);
            length += read;
            if (IsComplete(buffer.AsSpan(0, length)))
                return (buffer.AsSpan(0, length).StartsWith("HTTP/1.1 200"u8), buffer);
            if (length == AnswerBytesMax)
                return (false, buffer);
            if (length == buffer.Length)
                Array.Resize(ref buffer, buffer.Length * 2);
        }
    }

    static bool IsComplete(ReadOnlySpan<byte> answer)
    {
        var head = answer.IndexOf("\r\n\r\n"u8);
        if (head < 0)
            return false;
        var at = answer[..head].IndexOf("Content-Length: "u8);
        if (at < 0)
            return answer.EndsWith("0\r\n\r\n"u8);
        System.Buffers.Text.Utf8Parser.TryParse(answer[(at + 16)..], out int length, out _);
        return answer.Length >= head + 4 + length;
    }
}
