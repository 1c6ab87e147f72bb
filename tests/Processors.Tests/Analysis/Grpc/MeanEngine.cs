using System.Text.Json;
using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Analysis;

namespace Pipeline.Processors.Tests.Analysis.Grpc;

/// <summary>An engine of few algorithms: it answers with a mean, when it is let, and with the fault that is asked for.</summary>
sealed class MeanEngine : IAnalysisEngine
{
    static readonly JsonElement Schema = JsonDocument.Parse("""
        { "type": "object", "properties": {
            "k": { "type": "integer" }, "ratio": { "type": "number" }, "fast": { "type": "boolean" }, "label": { "type": "string" }, "depth": { "type": ["integer", "null"] },
            "start": { "type": "array" }, "more": { "type": "object" }, "either": { "anyOf": [{ "type": "number" }, { "type": "string" }] }, "any": {} } }
        """).RootElement;

    int _running;

    public AnalysisRequest? Last { get; private set; }

    public int MostAtOnce { get; private set; }

    /// <summary>Lets those end that ask for <c>wait</c>.</summary>
    public TaskCompletionSource Gate { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource Waiting { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource Cancelled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public IReadOnlyList<AlgorithmDescription> Algorithms { get; } =
        [.. new[] { "mean", "kmeans", "wait" }.Select(n => new AlgorithmDescription(n, "1", Schema, new AlgorithmCost(1, 0), ["values"], ""))];

    public async Task<AnalysisOutcome> ExecuteAsync(AnalysisRequest request, CancellationToken stop)
    {
        Last = request;
        if (Enum.TryParse<AnalysisFaultCode>(request.Algorithm, out var code))
            return AnalysisOutcome.Failed(code, "As it was asked for.");
        if (Algorithms.All(a => a.Name != request.Algorithm))
            return AnalysisOutcome.Failed(AnalysisFaultCode.UnknownAlgorithm, $"There is no {request.Algorithm}.");
        lock (Gate)
            MostAtOnce = Math.Max(MostAtOnce, ++_running);
        try
        {
            if (request.Algorithm == "wait")
            {
                Waiting.TrySetResult();
                await Gate.Task.WaitAsync(stop);
            }
            else
                await Task.Yield();
        }
        catch (OperationCanceledException)
        {
            Cancelled.TrySetResult();
            return AnalysisOutcome.Failed(AnalysisFaultCode.Cancelled, "The request was cancelled.");
        }
        finally
        {
            lock (Gate)
                _running--;
        }
        var values = (request.Input as ValuesInput)?.Values.ToArray() ?? [];
        var result = JsonSerializer.SerializeToUtf8Bytes(new { mean = values.Length > 0 ? values.Average() : 0, padding = new string('x', values.Length) });
        return new AnalysisOutcome(result, null, new AnalysisMetadata("native", "1", TimeSpan.FromMilliseconds(1.5), values.Length, Worker: 7, IsCached: true));
    }
}
