using System.Text;
using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Analysis.Grpc.Messages;

namespace Pipeline.Processors.Analysis.Grpc;

/// <summary>
/// <c>analytics.AnalyticsEngine</c> over the engine. What the request brought about (its own faults, an algorithm or a worker that failed) is an answer with
/// <c>success = false</c> and the error <c>code: message</c>, because clients look there; what the same request need not meet again is a status, because
/// clients' retries look at that: overloaded is RESOURCE_EXHAUSTED, unavailable UNAVAILABLE, timeout DEADLINE_EXCEEDED, cancelled CANCELLED. In a batch every fault is an answer.
/// </summary>
sealed class AnalyticsCalls(IAnalysisEngine engine, Func<bool> isReady, string version)
{
    const int BatchRequestsMax = 1000;

    static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    public const string Name = "analytics.AnalyticsEngine";

    public IReadOnlyList<GrpcMethod> Methods =>
    [
        GrpcMethod.Unary(Name + "/Analyze", AnalyzeRequest.Parser, AnalyzeAsync),
        GrpcMethod.ServerStreaming<BatchRequest, AnalyzeResponse>(Name + "/BatchAnalyze", BatchRequest.Parser, BatchAsync),
        GrpcMethod.Unary(Name + "/HealthCheck", HealthCheckRequest.Parser, (_, _) => Task.FromResult(
            isReady() ? new HealthCheckResponse { Healthy = true, Status = "SERVING", Version = version } : new HealthCheckResponse { Status = "NOT_SERVING", Version = version })),
    ];

    async Task<AnalyzeResponse> AnalyzeAsync(AnalyzeRequest request, CancellationToken stop)
    {
        var outcome = await ExecuteAsync(request, stop);
        return outcome.Fault is { } fault && Status(fault.Reason) is { } status ? throw new GrpcException(status, Error(fault)) { RetryAfter = fault.Reason is AnalysisFaultCode.Overloaded or AnalysisFaultCode.Unavailable ? RetryAfter : null }
            : Response(request, outcome);
    }

    async Task BatchAsync(BatchRequest batch, Func<AnalyzeResponse, Task> send, CancellationToken stop)
    {
        if (batch.Requests.Count > BatchRequestsMax)
            throw new GrpcException(GrpcStatus.InvalidArgument, $"A batch has at most {BatchRequestsMax} requests; these are {batch.Requests.Count}.");
        await Parallel.ForEachAsync(batch.Requests, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = stop },
            async (request, stopping) => await send(Response(request, await ExecuteAsync(request, stopping))));
    }

    async Task<AnalysisOutcome> ExecuteAsync(AnalyzeRequest request, CancellationToken stop)
    {
        try
        {
            return await engine.ExecuteAsync(Read(request), stop);
        }
        catch (AnalysisException e)
        {
            return new AnalysisOutcome(default, e.Fault, null);
        }
    }

    /// <summary>As <see cref="AnalysisRequestReader"/> reads JSON.</summary>
    AnalysisRequest Read(AnalyzeRequest request)
    {
        Check("request_id", request.RequestId, AnalysisLimits.RequestIdCharactersMax);
        Check("algorithm", request.Algorithm, AnalysisLimits.AlgorithmCharactersMax);
        if (request.Algorithm.Length == 0)
            throw Invalid("algorithm", "algorithm is required.");
        if (request.Data.Count > AnalysisLimits.ValuesMax)
            throw new AnalysisException(new AnalysisFault(AnalysisFaultCode.TooLarge, $"More than {AnalysisLimits.ValuesMax} numbers in one request.", "/data"));
        var schema = engine.Algorithms.FirstOrDefault(a => a.Name == request.Algorithm)?.Parameters;
        return new AnalysisRequest(request.RequestId.Length > 0 ? request.RequestId : null, request.Algorithm, AnalyticsParameters.Read(request.Params, schema), AnalysisPriority.Normal,
            request.Data.Count > 0 ? new ValuesInput(request.Data.ToArray()) : null, Options(request.Options));
    }

    static AnalysisOptions Options(AnalyzeOptions? given)
    {
        var options = AnalysisOptions.Default;
        if (given is null)
            return options;
        if (given.TimeoutMs is < 0 or > AnalysisLimits.TimeoutMsMax)
            throw Invalid("options/timeout_ms", $"timeout_ms must be a time of 1 ms to {AnalysisLimits.TimeoutMsMax / 3_600_000} h.");
        return new AnalysisOptions(
            given.HasPreferNative ? given.PreferNative : options.PreferNative,
            given.HasAllowPython ? given.AllowPython : options.AllowPython,
            given.TimeoutMs > 0 ? given.TimeoutMs : options.TimeoutMs,
            given.HasIncludeMetadata ? given.IncludeMetadata : options.IncludeMetadata);
    }

    static AnalyzeResponse Response(AnalyzeRequest request, AnalysisOutcome outcome)
    {
        var response = new AnalyzeResponse { RequestId = request.RequestId, Success = outcome.Fault is null, ResultJson = Encoding.UTF8.GetString(outcome.Result.Span) };
        if (outcome.Fault is { } fault)
            response.Error = Error(fault);
        if (request.Options is { IncludeMetadata: true } && outcome.Metadata is { } made)
        {
            response.Metadata = new AnalyzeMetadata { Implementation = made.Engine, ExecutionTimeMs = made.Duration.TotalMilliseconds, AlgorithmVersion = made.AlgorithmVersion, N = made.N, Cached = made.IsCached };
            if (made.Worker is { } worker)
                response.Metadata.Worker = worker;
        }
        return response;
    }

    static GrpcStatus? Status(AnalysisFaultCode code) => code switch
    {
        AnalysisFaultCode.Overloaded => GrpcStatus.ResourceExhausted,
        AnalysisFaultCode.Unavailable => GrpcStatus.Unavailable,
        AnalysisFaultCode.Timeout => GrpcStatus.DeadlineExceeded,
        AnalysisFaultCode.Cancelled => GrpcStatus.Cancelled,
        _ => null,
    };

    static string Error(AnalysisFault fault) => $"{fault.Code}: {fault.Message}";

    static void Check(string name, string text, int charactersMax)
    {
        if (text.EnumerateRunes().Count() > charactersMax || text.Any(char.IsControl))
            throw Invalid(name, $"{name} must be a string of 1 to {charactersMax} characters without control characters.");
    }

    static AnalysisException Invalid(string path, string message) => new(new AnalysisFault(AnalysisFaultCode.InvalidRequest, message, "/" + path));
}
