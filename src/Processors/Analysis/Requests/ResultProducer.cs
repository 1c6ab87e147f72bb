using System.Text;
using Confluent.Kafka;
using Pipeline.Contracts;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis.Requests;

/// <summary>Produces results to their topic.</summary>
sealed class ResultProducer(TopicProducer producer, string topic)
{
    /// <inheritdoc cref="TopicProducer.ProduceAsync"/>
    public Task ProduceAsync(IReadOnlyCollection<(TaskKey Task, byte[] Result)> results, CancellationToken stop) => producer.ProduceAsync(topic, [.. results.Select(r => Message(r.Task, r.Result))], stop);

    static Message<byte[], byte[]> Message(TaskKey task, byte[] result)
    {
        var message = new Message<byte[], byte[]> { Key = Encoding.UTF8.GetBytes(task.RequestId), Value = result };
        if (task.Tenant != Topics.DefaultTenant)
            message.Headers = [new Header(Topics.TenantHeaderName, Encoding.UTF8.GetBytes(task.Tenant))];
        return message;
    }
}
