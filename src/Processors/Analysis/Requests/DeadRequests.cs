using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Failures;

namespace Pipeline.Processors.Analysis.Requests;

/// <summary>
/// Answers requests that became dead letters in any way, also by RabbitMQ's own: each process that tried one ended. Where the request was answered before, this answer comes second and changes nothing.
/// </summary>
sealed class DeadRequests(ResultProducer results)
{
    public Task AnswerAsync(FailedRecord record, CancellationToken stop)
    {
        // The id is the other request's.
        if (record.Cause.Reason == Contracts.Events.FaultReason.ConflictingDuplicate)
            return Task.CompletedTask;
        var request = RequestRecord.Read(record);
        var reason = record.Cause.Reason == Contracts.Events.FaultReason.KilledProcessor ? AnalysisFaultCode.WorkerCrashed : AnalysisFaultCode.Unavailable;
        var fault = request.Fault ?? new AnalysisFault(reason, record.Cause.Message);
        return results.ProduceAsync([(request.Task.Key, RequestOutcome.Result(request.Task.Key, new AnalysisOutcome(default, fault, null), record.Attempt))], stop);
    }
}
