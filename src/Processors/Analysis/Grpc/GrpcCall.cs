using Google.Protobuf;

namespace Pipeline.Processors.Analysis.Grpc;

/// <summary>The messages of one call, in and out. After its end it reads and writes nothing any more, whatever a handler that was left behind still does.</summary>
sealed class GrpcCall(HttpContext context, GrpcLimits limits, CancellationToken stop)
{
    /// <summary>Below, a message takes no more than its connection does.</summary>
    const int ReservedFrom = 64 * 1024;

    readonly SemaphoreSlim _reading = new(1), _writing = new(1);
    readonly bool _isGzip = context.Request.Headers[GrpcHeaders.Encoding] == "gzip";

    /// <summary>An answer is compressed as the request was, where the client takes it.</summary>
    readonly bool _mayCompress = context.Response.Headers[GrpcHeaders.Encoding].Count > 0;
    bool _hasEnded, _isStuck;
    long _reserved;

    /// <summary>Cancelled by the client, by the deadline, and at the call's end.</summary>
    public CancellationToken Stop => stop;

    /// <summary>The next message, or null at the end.</summary>
    public Task<T?> ReadAsync<T>(MessageParser<T> parser) where T : class, IMessage<T>
    {
        // Whoever asks for the next one has done with this one.
        Release();
        return ReadAsync(parser, stop);
    }

    async Task<T?> ReadAsync<T>(MessageParser<T> parser, CancellationToken cancel) where T : class, IMessage<T>
    {
        await _reading.WaitAsync(cancel);
        try
        {
            ObjectDisposedException.ThrowIf(_hasEnded, this);
            return await NextAsync(parser, cancel);
        }
        finally
        {
            _reading.Release();
        }
    }

    async Task<T?> NextAsync<T>(MessageParser<T> parser, CancellationToken cancel) where T : class, IMessage<T>
    {
        var body = context.Request.BodyReader;
        while (true)
        {
            var read = await body.ReadAsync(cancel);
            var (buffer, consumed) = (read.Buffer, read.Buffer.Start);
            try
            {
                // What has come is kept in the pipe's own blocks: a length that is only claimed costs nothing.
                var length = GrpcFrames.Length(buffer, limits.MessageBytesMax);
                Reserve(length);
                if (length >= 0 && length <= buffer.Length)
                {
                    var frame = buffer.Slice(0, length);
                    consumed = frame.End;
                    return GrpcFrames.Read(frame, parser, _isGzip, limits.MessageBytesMax, Reserve);
                }
                if (read.IsCompleted)
                    return buffer.IsEmpty ? null : throw new GrpcException(GrpcStatus.Internal, "The request ends within a message.");
            }
            finally
            {
                // A message behind this one must be seen by the next read.
                body.AdvanceTo(consumed, consumed.Equals(buffer.Start) ? buffer.End : consumed);
            }
        }
    }

    /// <summary>The only message of a call that takes one.</summary>
    public async Task<T> ReadOnlyAsync<T>(MessageParser<T> parser) where T : class, IMessage<T>
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(limits.BodyTimeout);
        try
        {
            var message = await ReadAsync(parser, patience.Token) ?? throw new GrpcException(GrpcStatus.Unimplemented, "This method takes one message; none came.");
            return await ReadAsync(parser, patience.Token) is null ? message : throw new GrpcException(GrpcStatus.Unimplemented, "This method takes one message; more came.");
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw new GrpcException(GrpcStatus.DeadlineExceeded, $"The message did not come within {limits.BodyTimeout.TotalSeconds} s.");
        }
    }

    /// <summary>Makes sure that so much may be held for the message.</summary>
    void Reserve(long bytes)
    {
        if (bytes <= Math.Max(_reserved, ReservedFrom))
            return;
        if (!limits.InFlight.TryReserve(bytes - _reserved))
            throw new GrpcException(GrpcStatus.ResourceExhausted, $"Messages of {limits.InFlight.Max} bytes are being worked on already.") { RetryAfter = TimeSpan.FromSeconds(1) };
        _reserved = bytes;
    }

    void Release()
    {
        limits.InFlight.Release(_reserved);
        _reserved = 0;
    }

    /// <summary>Sends a message; waits while the client does not read. May be called from several threads.</summary>
    public async Task WriteAsync(IMessage message)
    {
        await _writing.WaitAsync(stop);
        try
        {
            ObjectDisposedException.ThrowIf(_hasEnded, this);
            GrpcFrames.Write(context.Response.BodyWriter, message, _mayCompress);
            _isStuck = true;
            await context.Response.BodyWriter.FlushAsync(stop);
            _isStuck = false;
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Waits for what is being read or written, which <see cref="Stop"/> has ended.</summary>
    /// <returns>Whether a status can still be sent: not behind messages for which the client has no room.</returns>
    public async Task<bool> EndAsync()
    {
        await _reading.WaitAsync(CancellationToken.None);
        await _writing.WaitAsync(CancellationToken.None);
        _hasEnded = true;
        Release();
        _reading.Release();
        _writing.Release();
        return !_isStuck;
    }
}
