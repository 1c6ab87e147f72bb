using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Failures;
using Pipeline.Processors.Failures.RabbitMq;

namespace Pipeline.Processors.Analysis.Requests;

/// <summary>Puts requests that take long into the queue of their priority, where no partition waits for them.</summary>
sealed class JobPublisher(RabbitMqPublisher publisher, RabbitMqNames names, ProcessorMetrics metrics)
{
    /// <summary>Returns when RabbitMQ has confirmed them.</summary>
    public async Task PublishAsync(IReadOnlyCollection<(FailedRecord Record, AnalysisPriority Priority)> jobs, CancellationToken stop)
    {
        if (jobs.Count == 0)
            return;
        await publisher.PublishAsync([.. jobs.Select(j => FailureMessage.Write(j.Record, names.Jobs, dead: false) with { RoutingKey = j.Priority.Name() })], stop);
        foreach (var (record, _) in jobs)
            metrics.HandedOver(record.Log.Consumer, "job");
    }
}
