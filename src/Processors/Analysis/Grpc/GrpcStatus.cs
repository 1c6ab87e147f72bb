namespace Pipeline.Processors.Analysis.Grpc;

/// <summary>The statuses that are answered here; numbers as in gRPC's statuscodes.md.</summary>
enum GrpcStatus
{
    Ok = 0,
    Cancelled = 1,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
}

/// <summary>Ends a call with a status; the message goes to the client.</summary>
sealed class GrpcException(GrpcStatus status, string message) : Exception(message)
{
    public GrpcStatus Status { get; } = status;

    /// <summary>When the same call may succeed; null where nothing says that it will.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
