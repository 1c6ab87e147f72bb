using System.Text;
using Confluent.Kafka;
using Pipeline.Contracts;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis.Requests;

/// <summary>
/// Produces results, acks=all, with one idempotent producer, made when it is first needed. One that met a fatal error, after which an idempotent producer cannot go on, is replaced; who waits for
/// it fails, and executes again.
/// </summary>
sealed class ResultProducer(KafkaOptions kafka, Breaker breaker, ILogger<ResultProducer> log) : IDisposable
{
    static readonly TimeSpan DeliveryTimeout = TimeSpan.FromSeconds(10);

    readonly Lock _making = new();
    IProducer<byte[], byte[]>? _producer;

    /// <summary>Returns when the broker has acknowledged every one.</summary>
    /// <exception cref="KafkaException">At least one is not known to be in the topic.</exception>
    public Task ProduceAsync(IReadOnlyCollection<(TaskKey Task, byte[] Result)> results, CancellationToken stop) => results.Count == 0 ? Task.CompletedTask : breaker.RunAsync(async inner =>
    {
        var (left, done) = (results.Count, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        void OnDelivery(DeliveryReport<byte[], byte[]> report)
        {
            if (report.Error.IsError)
                done.TrySetException(new KafkaException(report.Error));
            else if (Interlocked.Decrement(ref left) == 0)
                done.TrySetResult();
        }
        var producer = Producer();
        foreach (var (task, result) in results)
        {
            var message = new Message<byte[], byte[]> { Key = Encoding.UTF8.GetBytes(task.RequestId), Value = result };
            if (task.Tenant != Topics.DefaultTenant)
                message.Headers = [new Header(Topics.TenantHeaderName, Encoding.UTF8.GetBytes(task.Tenant))];
            Produce(producer, message, OnDelivery);
        }
        try
        {
            // A report comes in any case; but a producer that is being replaced may owe one.
            await done.Task.WaitAsync(DeliveryTimeout * 2, inner);
        }
        catch (TimeoutException)
        {
            throw new KafkaException(ErrorCode.Local_MsgTimedOut);
        }
    }, stop);

    void Produce(IProducer<byte[], byte[]> producer, Message<byte[], byte[]> message, Action<DeliveryReport<byte[], byte[]>> onDelivery)
    {
        try
        {
            producer.Produce(kafka.ResultsTopic, message, onDelivery);
        }
        catch (ObjectDisposedException)
        {
            throw new KafkaException(ErrorCode.Local_Destroy);
        }
    }

    IProducer<byte[], byte[]> Producer()
    {
        lock (_making)
            return _producer ??= new ProducerBuilder<byte[], byte[]>(new ProducerConfig(new Dictionary<string, string>(kafka.Client))
            {
                BootstrapServers = kafka.BootstrapServers,
                ClientId = "pipeline-analysis",
                EnableIdempotence = true,
                Acks = Acks.All,
                CompressionType = CompressionType.Lz4,
                LingerMs = 2,
                MessageTimeoutMs = (int)DeliveryTimeout.TotalMilliseconds,
                Partitioner = Partitioner.Murmur2Random,
                DeliveryReportFields = "none",
            }).SetErrorHandler(OnError).SetLogHandler((_, _) => { }).Build();
    }

    void OnError(IProducer<byte[], byte[]> producer, Error error)
    {
        if (!error.IsFatal)
            return;
        log.ResultProducerReplaced(error.Reason);
        lock (_making)
        {
            if (!ReferenceEquals(producer, _producer))
                return;
            _producer = null;
        }
        // Not on this thread, which serves delivery reports: everybody who waits gets one first.
        _ = Task.Run(() =>
        {
            producer.Flush(DeliveryTimeout);
            producer.Dispose();
        });
    }

    public void Dispose() => _producer?.Dispose();
}
