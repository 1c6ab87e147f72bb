using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Options;
using Pipeline.Contracts;
using Pipeline.Ingest.Events;

namespace Pipeline.Ingest.Tasks;

/// <summary>Produces requests of analyses, with the events' producer: one connection to the brokers, acks=all.</summary>
sealed class RequestProducer(EventProducer events, IOptions<KafkaOptions> kafka, TimeProvider clock)
{
    /// <summary>Returns after the broker's word.</summary>
    /// <returns>Null, or why the request is not known to be in the topic.</returns>
    public async Task<string?> ProduceAsync(string tenant, string requestId, ReadOnlyMemory<byte> request)
    {
        var header = new IngestHeader.Template(clock.GetUtcNow().ToUnixTimeMilliseconds(), tenant, null, null, null, null);
        var text = new byte[header.Length(0)];
        header.Write(0, text);
        var done = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            using var producer = new DependentProducerBuilder<byte[], byte[]>(events.Handle).Build();
            var message = new Message<byte[], byte[]> { Key = Encoding.UTF8.GetBytes(requestId), Value = request.ToArray(), Headers = [new Header(Topics.IngestHeaderName, text)] };
            producer.Produce(kafka.Value.RequestsTopic, message, report => done.TrySetResult(report.Error.IsError ? report.Error.Reason : null));
            // A report comes in any case; but a producer that is being replaced may owe one.
            return await done.Task.WaitAsync(kafka.Value.DeliveryTimeout * 2, clock);
        }
        catch (Exception e) when (e is KafkaException or ObjectDisposedException or TimeoutException)
        {
            return e.Message;
        }
    }
}
