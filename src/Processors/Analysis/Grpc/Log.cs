namespace Pipeline.Processors.Analysis.Grpc;

static partial class Log
{
    [LoggerMessage(90, LogLevel.Error, "The gRPC call {Method} failed")]
    public static partial void GrpcFailed(this ILogger log, Exception exception, string method);
}
