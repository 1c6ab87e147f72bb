using Pipeline.Contracts.Analysis;
using Pipeline.Contracts.Events;
using Pipeline.Processors.Failures;

namespace Pipeline.Processors.Analysis.Requests;

/// <summary>
/// Answers requests whose dead letters are stored, whichever way they became ones: invalid, after their last attempt, or by RabbitMQ's own doing when each process that tried one ended. Where the request
/// was answered or cancelled before, this answer comes second and changes nothing.
/// </summary>
sealed class DeadRequests(ResultProducer results)
{
    public Task AnswerAsync(FailedRecord record, CancellationToken stop)
    {
        // The id is the other request's.
        if (record.Cause.Reason == FaultReason.ConflictingDuplicate)
            return Task.CompletedTask;
        var request = RequestRecord.Read(record);
        return results.ProduceAsync([(request.Task.Key, RequestOutcome.Abandoned(request.Task.Key, record.Cause))], stop);
    }
}
