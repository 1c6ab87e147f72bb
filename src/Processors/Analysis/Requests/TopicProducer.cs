using Confluent.Kafka;
using Pipeline.Processors.Failures;

namespace Pipeline.Processors.Analysis.Requests;

/// <summary>
/// Produces to topics of analyses, acks=all, with one idempotent producer, made when it is first needed. One that met a fatal error, after which an idempotent producer cannot go on, is replaced;
/// who waits for it fails, and does its work again.
/// </summary>
sealed class TopicProducer(KafkaOptions kafka, Breaker breaker, ILogger<TopicProducer> log) : IDisposable
{
    static readonly TimeSpan DeliveryTimeout = TimeSpan.FromSeconds(10);

    readonly Lock _making = new();
    IProducer<byte[], byte[]>? _producer;

    /// <summary>Returns when the broker has acknowledged every one.</summary>
    /// <exception cref="KafkaException">At least one is not known to be in the topic.</exception>
    public Task ProduceAsync(string name, IReadOnlyCollection<Message<byte[], byte[]>> messages, CancellationToken stop) => messages.Count == 0 ? Task.CompletedTask : breaker.RunAsync(async inner =>
    {
        var (left, done) = (messages.Count, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        void OnDelivery(DeliveryReport<byte[], byte[]> report)
        {
            if (report.Error.IsError)
                done.TrySetException(new KafkaException(report.Error));
            else if (Interlocked.Decrement(ref left) == 0)
                done.TrySetResult();
        }
        var producer = Producer();
        foreach (var message in messages)
            Produce(producer, name, message, OnDelivery);
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

    static void Produce(IProducer<byte[], byte[]> producer, string topic, Message<byte[], byte[]> message, Action<DeliveryReport<byte[], byte[]>> onDelivery)
    {
        try
        {
            producer.Produce(topic, message, onDelivery);
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
        log.TopicProducerReplaced(error.Reason);
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
