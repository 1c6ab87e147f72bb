using Confluent.Kafka;
using Microsoft.Extensions.Options;
using Pipeline.Contracts;
using Pipeline.Sinks.Hosting;

namespace Pipeline.Ingest.Events;

/// <summary>
/// Produces the accepted events of batches with one idempotent producer. A producer that met a fatal error (an idempotent one cannot go on
/// after some) is replaced; what it had not delivered is answered <c>retry</c>.
/// </summary>
sealed class EventProducer : IDisposable
{
    static readonly Action<DeliveryReport<OutgoingEvent, OutgoingEvent>> OnDelivery =
        report => report.Message.Key.Delivery.Report(report.Message.Key.Index, report.Error);

    /// <summary>How long after the delivery timeout the last report may come.</summary>
    static readonly TimeSpan ReportGrace = TimeSpan.FromSeconds(5);

    readonly KafkaOptions _options;
    readonly Health.KafkaState _state;
    readonly ILogger<EventProducer> _log;
    readonly ProducerConfig _config;
    readonly OutgoingEventSerializer _serializer = new();
    readonly Lock _replacing = new();
    volatile IProducer<OutgoingEvent, OutgoingEvent> _producer;

    public EventProducer(IOptions<KafkaOptions> kafka, IOptions<IngestOptions> ingest, Health.KafkaState state, ILogger<EventProducer> log)
    {
        _options = kafka.Value;
        _state = state;
        _log = log;
        _config = _options.Producer(ingest.Value.InFlightBytesMax);
        _producer = Build();
    }

    /// <summary>The client's handle, for questions about the cluster.</summary>
    public Handle Handle => _producer.Handle;

    /// <summary>Produces every event without a fault and waits until the broker acknowledged or refused each. Never throws for the broker.</summary>
    public async Task<BatchDelivery> ProduceAsync(EventBatch batch, IngestHeader.Template header)
    {
        var delivery = new BatchDelivery(batch, header);
        var producer = _producer;
        for (var i = 0; i < batch.Count; i++)
            if (!batch[i].Fault.Exists)
                Produce(producer, delivery, i);
        delivery.Produced();
        await delivery.Done;
        return delivery;
    }

    void Produce(IProducer<OutgoingEvent, OutgoingEvent> producer, BatchDelivery delivery, int index)
    {
        var outgoing = new OutgoingEvent(delivery, index);
        delivery.Expect();
        try
        {
            producer.Produce(_options.EventsTopic, new Message<OutgoingEvent, OutgoingEvent> { Key = outgoing, Value = outgoing, Headers = delivery.HeaderAt(index) }, OnDelivery);
        }
        catch (ProduceException<OutgoingEvent, OutgoingEvent> e)
        {
            // The client's queue is full or the producer is dead: nothing was handed over, no report will come.
            delivery.Report(index, e.Error);
        }
        catch (ObjectDisposedException)
        {
            delivery.Report(index, new Error(ErrorCode.Local_Destroy, "the producer was replaced"));
        }
    }

    IProducer<OutgoingEvent, OutgoingEvent> Build() =>
        new ProducerBuilder<OutgoingEvent, OutgoingEvent>(_config)
            .SetKeySerializer(_serializer).SetValueSerializer(_serializer)
            .SetErrorHandler(OnError).SetLogHandler((_, _) => { }).Build();

    void OnError(IProducer<OutgoingEvent, OutgoingEvent> producer, Error error)
    {
        _state.Note(error);
        if (!error.IsFatal)
        {
            _log.ClientError(error.Code.ToString(), error.Reason);
            return;
        }
        _log.ProducerReplaced(error.Reason);
        lock (_replacing)
        {
            if (!ReferenceEquals(producer, _producer))
                return;
            _producer = Build();
        }
        // Not on this thread, which serves delivery reports. Disposing serves none: they are waited for first, so that every request is answered.
        _ = Task.Run(() =>
        {
            producer.Flush(_options.DeliveryTimeout + ReportGrace);
            producer.Dispose();
        });
    }

    /// <summary>Waits for the reports of everything produced, or until stopped.</summary>
    public void Flush(CancellationToken stop)
    {
        try
        {
            _producer.Flush(stop);
        }
        catch (OperationCanceledException)
        {
            // Nobody was told that these events were accepted.
        }
    }

    public void Dispose() => _producer.Dispose();
}
