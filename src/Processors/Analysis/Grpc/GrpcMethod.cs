using Google.Protobuf;

namespace Pipeline.Processors.Analysis.Grpc;

/// <summary>A method and what answers it.</summary>
/// <param name="Path"><c>package.Service/Method</c>.</param>
sealed record GrpcMethod(string Path, Func<GrpcCall, Task> Handle)
{
    /// <summary>It lasts until the client goes, or the process.</summary>
    public bool IsEndless { get; init; }

    /// <summary>One message in, one out.</summary>
    public static GrpcMethod Unary<TRequest, TResponse>(string path, MessageParser<TRequest> parser, Func<TRequest, CancellationToken, Task<TResponse>> answer)
        where TRequest : class, IMessage<TRequest> where TResponse : IMessage =>
        new(path, async call => await call.WriteAsync(await answer(await call.ReadOnlyAsync(parser), call.Stop)));

    /// <summary>One message in, any number out. The function that sends may be called from several threads.</summary>
    public static GrpcMethod ServerStreaming<TRequest, TResponse>(string path, MessageParser<TRequest> parser, Func<TRequest, Func<TResponse, Task>, CancellationToken, Task> answer)
        where TRequest : class, IMessage<TRequest> where TResponse : IMessage =>
        new(path, async call => await answer(await call.ReadOnlyAsync(parser), message => call.WriteAsync(message), call.Stop));

    /// <summary>Any number in, and for each one out.</summary>
    public static GrpcMethod Duplex<TRequest, TResponse>(string path, MessageParser<TRequest> parser, Func<TRequest, TResponse> answer)
        where TRequest : class, IMessage<TRequest> where TResponse : IMessage =>
        new(path, async call =>
        {
            while (await call.ReadAsync(parser) is { } request)
                await call.WriteAsync(answer(request));
        }) { IsEndless = true };
}
