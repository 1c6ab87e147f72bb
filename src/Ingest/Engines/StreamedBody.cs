using System.Buffers;
using System.Net;
using Microsoft.Net.Http.Headers;

namespace Pipeline.Ingest.Engines;

/// <summary>A client's body on its way to an engine, a piece at a time. Nothing of it is kept, so that it can be sent again only while nothing of it was read.</summary>
sealed class StreamedBody(HttpRequest request, EngineOptions options, TimeProvider clock)
{
    const int PieceBytes = 64 * 1024;

    /// <summary>Whether an engine has been sent a part of it.</summary>
    public bool IsBegun { get; private set; }

    /// <summary>Why the client's side of it ended too soon: whoever executes it is not at fault.</summary>
    public Exception? ClientFailure { get; private set; }

    public Problem? Refusal { get; private set; }

    public HttpContent Content => new Pieces(this);

    public Problem TooLarge => new(413, "body_too_large", $"The body is larger than {options.Float64BytesMax} bytes.");

    async Task CopyToAsync(Stream engine, CancellationToken stop)
    {
        IsBegun = true;
        var piece = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            var (sent, left) = (0L, options.BodyTimeout);
            while (true)
            {
                var began = clock.GetTimestamp();
                var read = await ReadAsync(piece, left, stop);
                // Only the client's time counts, not the engine's.
                left -= clock.GetElapsedTime(began);
                if (read == 0)
                    return;
                if ((sent += read) > options.Float64BytesMax)
                    throw Refused(TooLarge);
                await engine.WriteAsync(piece.AsMemory(0, read), stop);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
    }

    async Task<int> ReadAsync(byte[] piece, TimeSpan within, CancellationToken stop)
    {
        using var patience = new CancellationTokenSource(within > TimeSpan.Zero ? within : TimeSpan.Zero, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, stop);
        try
        {
            return await request.Body.ReadAsync(piece, either.Token);
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            throw Refused(new Problem(408, "slow_body", $"The body did not come within {options.BodyTimeout.TotalSeconds} s."));
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            // Not where the sending was given up: that is the engine's failure.
            ClientFailure = e;
            throw;
        }
    }

    IOException Refused(Problem problem)
    {
        Refusal = problem;
        return new IOException(problem.Detail);
    }

    sealed class Pieces : HttpContent
    {
        readonly StreamedBody _body;
        readonly long? _length;

        public Pieces(StreamedBody body)
        {
            (_body, _length) = (body, body.Request.ContentLength);
            Headers.TryAddWithoutValidation(HeaderNames.ContentType, body.Request.ContentType);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) => _body.CopyToAsync(stream, cancellationToken);

        protected override bool TryComputeLength(out long length)
        {
            length = _length ?? 0;
            return _length is not null;
        }
    }

    HttpRequest Request => request;
}
