using System.Buffers;
using System.Globalization;
using System.Text;

namespace Pipeline.Processors.Analysis.Grpc;

/// <summary>What the headers of gRPC over HTTP/2 hold (gRPC's PROTOCOL-HTTP2.md).</summary>
static class GrpcHeaders
{
    public const string ContentType = "application/grpc", Timeout = "grpc-timeout", Encoding = "grpc-encoding", AcceptEncoding = "grpc-accept-encoding", Status = "grpc-status", Message = "grpc-message",
        RetryPushback = "grpc-retry-pushback-ms", StatusDetails = "grpc-status-details-bin";

    const int TimeoutDigitsMax = 8;

    static readonly SearchValues<char> Plain = SearchValues.Create([.. Enumerable.Range(0x20, 0x7F - 0x20).Select(c => (char)c).Where(c => c != '%')]);

    /// <summary><c>application/grpc</c> and <c>application/grpc+proto</c>, with parameters or without: neither gRPC-Web nor another format of messages.</summary>
    public static bool IsGrpc(string? contentType) =>
        contentType?.Split(';', 2)[0].Trim() is { } type && (type.Equals(ContentType, StringComparison.OrdinalIgnoreCase) || type.Equals(ContentType + "+proto", StringComparison.OrdinalIgnoreCase));

    /// <summary>1 to 8 digits and a unit: H, M, S, m, u, n.</summary>
    public static bool TryParseTimeout(string text, out TimeSpan timeout)
    {
        timeout = default;
        if (text.Length is < 2 or > TimeoutDigitsMax + 1 || !long.TryParse(text.AsSpan(..^1), NumberStyles.None, CultureInfo.InvariantCulture, out var n))
            return false;
        var unit = text[^1] switch
        {
            'H' => TimeSpan.TicksPerHour,
            'M' => TimeSpan.TicksPerMinute,
            'S' => TimeSpan.TicksPerSecond,
            'm' => TimeSpan.TicksPerMillisecond,
            'u' => TimeSpan.TicksPerMicrosecond,
            'n' => 0,
            _ => -1,
        };
        timeout = unit == 0 ? TimeSpan.FromTicks(n / TimeSpan.NanosecondsPerTick) : TimeSpan.FromTicks(n * Math.Max(unit, 0));
        return unit >= 0;
    }

    /// <summary>Percent-encoded UTF-8: what is not printable ASCII, and the percent sign.</summary>
    public static string Encode(string message)
    {
        if (!message.AsSpan().ContainsAnyExcept(Plain))
            return message;
        var text = new StringBuilder();
        foreach (var octet in System.Text.Encoding.UTF8.GetBytes(message))
            _ = octet is >= 0x20 and < 0x7F && octet != '%' ? text.Append((char)octet) : text.Append('%').Append(octet.ToString("X2", CultureInfo.InvariantCulture));
        return text.ToString();
    }
}
