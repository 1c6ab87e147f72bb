using System.Buffers;
using System.IO.Compression;
using Microsoft.Net.Http.Headers;
using Pipeline.Sinks.Hosting;

namespace Pipeline.Ingest.Events;

/// <summary>
/// One request's whole body, decompressed, in one rented array. It has to be whole before the first event is produced: the batch's id, tool
/// and send time may stand behind the events. One array also means that no JSON token is split over segments.
/// </summary>
sealed class RequestBody(InFlightBytes budget, int bytesMax) : IDisposable
{
    const int FirstBytes = 16 * 1024;

    byte[] _bytes = [];
    long _reserved;

    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, Length);

    public ReadOnlySpan<byte> Span => _bytes.AsSpan(0, Length);

    /// <returns>Null, or why the body cannot be used.</returns>
    public async Task<Problem?> ReadAsync(HttpRequest request, CancellationToken stop)
    {
        if (request.ContentLength > bytesMax)
            return TooLarge();
        var encoding = request.Headers.ContentEncoding.ToString();
        await using var decoder = encoding.ToLowerInvariant() switch
        {
            "" or "identity" => request.Body,
            "gzip" => new GZipStream(request.Body, CompressionMode.Decompress, leaveOpen: true),
            "br" => new BrotliStream(request.Body, CompressionMode.Decompress, leaveOpen: true),
            _ => null,
        };
        if (decoder is null)
        {
            request.HttpContext.Response.Headers[HeaderNames.AcceptEncoding] = "gzip, br";
            return new Problem(415, "unsupported_encoding", "Content-Encoding must be gzip, br or absent.");
        }
        try
        {
            var expected = encoding.Length == 0 && request.ContentLength is { } length ? (int)length + 1 : FirstBytes;
            return await FillAsync(decoder, Math.Min(expected, bytesMax + 1), stop);
        }
        catch (Exception e) when (e is InvalidDataException or InvalidOperationException && !ReferenceEquals(decoder, request.Body))
        {
            return new Problem(400, "invalid_encoding", $"The body is not valid {encoding}.");
        }
    }

    async Task<Problem?> FillAsync(Stream source, int firstBytes, CancellationToken stop)
    {
        if (!TryGrow(firstBytes))
            return Overloaded();
        while (true)
        {
            if (Length == _bytes.Length && !TryGrow((int)Math.Min(_bytes.Length * 2L, bytesMax + 1L)))
                return Overloaded();
            var read = await source.ReadAsync(_bytes.AsMemory(Length), stop);
            if (read == 0)
                return null;
            Length += read;
            if (Length > bytesMax)
                return TooLarge();
        }
    }

    bool TryGrow(int bytes)
    {
        // Memory is reserved before it is rented, so that a thousand bodies at once meet the bound and not the heap.
        if (!budget.TryReserve(bytes - _reserved))
            return false;
        _reserved = bytes;
        var larger = ArrayPool<byte>.Shared.Rent(bytes);
        _bytes.AsSpan(0, Length).CopyTo(larger);
        Return();
        _bytes = larger;
        return true;
    }

    Problem TooLarge() => new(413, "body_too_large", $"The body is larger than {bytesMax} bytes (counted after decompression).");

    static Problem Overloaded() => new(503, "overloaded", "Too many bytes are in flight; send the same batch again later.");

    void Return()
    {
        if (_bytes.Length > 0)
            ArrayPool<byte>.Shared.Return(_bytes);
    }

    public void Dispose()
    {
        Return();
        _bytes = [];
        Length = 0;
        budget.Release(_reserved);
        _reserved = 0;
    }
}
