using Pipeline.Processors.Analysis.Grpc.HealthMessages;
using static Pipeline.Processors.Analysis.Grpc.HealthMessages.HealthCheckResponse.Types;

namespace Pipeline.Processors.Analysis.Grpc;

/// <summary><c>grpc.health.v1.Health</c>: one state for the process and for each of its services.</summary>
sealed class GrpcHealth(IEnumerable<string> services, Func<bool> isReady, TimeProvider clock)
{
    public const string Name = "grpc.health.v1.Health";

    static readonly TimeSpan Step = TimeSpan.FromSeconds(1);

    /// <summary>The empty name asks for the whole process.</summary>
    readonly HashSet<string> _services = [.. services, ""];

    public IReadOnlyList<GrpcMethod> Methods =>
    [
        GrpcMethod.Unary(Name + "/Check", HealthCheckRequest.Parser, (request, _) => _services.Contains(request.Service)
            ? Task.FromResult(State(request)) : throw new GrpcException(GrpcStatus.NotFound, "There is no such service here.")),
        GrpcMethod.ServerStreaming<HealthCheckRequest, HealthCheckResponse>(Name + "/Watch", HealthCheckRequest.Parser, WatchAsync) with { IsEndless = true },
    ];

    /// <summary>The state at once and whenever it changes, until the client goes.</summary>
    async Task WatchAsync(HealthCheckRequest request, Func<HealthCheckResponse, Task> send, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Step, clock);
        HealthCheckResponse? sent = null;
        do
        {
            var state = State(request);
            if (!state.Equals(sent))
                await send(sent = state);
        }
        while (await timer.WaitForNextTickAsync(stop));
    }

    HealthCheckResponse State(HealthCheckRequest request) =>
        new() { Status = !_services.Contains(request.Service) ? ServingStatus.ServiceUnknown : isReady() ? ServingStatus.Serving : ServingStatus.NotServing };
}
