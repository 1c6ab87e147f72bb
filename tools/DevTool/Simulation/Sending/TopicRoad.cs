using Confluent.Kafka;
using Pipeline.Contracts;
using Pipeline.Contracts.Events;

namespace Pipeline.DevTool.Simulation.Sending;

/// <summary>
/// Publishes the events with the header that Ingest would have written when they arrived: so the past has receipts of its own, and what is late, or comes
/// from a wrong clock, is seen as that.
/// </summary>
static class TopicRoad
{
    static readonly TimeSpan QueueIsFull = TimeSpan.FromMilliseconds(20), ReportsWithin = TimeSpan.FromSeconds(10);

    public static async Task Send(IEnumerable<SimulatedEvent> events, string servers, string topic, Pace pace, Tally tally, CancellationToken stop)
    {
        using var producer = new ProducerBuilder<byte[], byte[]>(Settings(servers)).Build();
        var handlers = Enum.GetValues<EventType>().Select(type => Handler(type, tally)).ToArray();
        var sent = 0L;
        foreach (var e in events)
        {
            await pace.Due(sent, stop);
            var message = new Message<byte[], byte[]> { Key = SimulatedWork.UserId(e.User), Value = e.Bytes.ToArray(), Headers = new Headers { { Topics.IngestHeaderName, Header(e) } } };
            while (!TryProduce(producer, topic, message, handlers[(int)e.Type]))
                await Task.Delay(QueueIsFull, TimeProvider.System, stop);
            sent++;
        }
        producer.Flush(stop);
        // Flush returns when the last report was taken from the queue, which is a moment before it was heard.
        for (var waited = TimeSpan.Zero; tally.Accepted + tally.Refused < sent && waited < ReportsWithin; waited += QueueIsFull)
            await Task.Delay(QueueIsFull, TimeProvider.System, stop);
    }

    static byte[] Header(in SimulatedEvent e) =>
        new IngestHeader(e.ArrivedAtMs, Topics.DefaultTenant, BatchId: null, Position: 0, e.SentAtMs, SimulateCommand.Tracker, SimulateCommand.TrackerVersion).Encode();

    static Action<DeliveryReport<byte[], byte[]>> Handler(EventType type, Tally tally) => report =>
    {
        if (report.Error.IsError)
            tally.Refuse(type, report.Error.Reason);
        else
            tally.Accept(type);
    };

    static bool TryProduce(IProducer<byte[], byte[]> producer, string topic, Message<byte[], byte[]> message, Action<DeliveryReport<byte[], byte[]>> handler)
    {
        try
        {
            producer.Produce(topic, message, handler);
            return true;
        }
        catch (ProduceException<byte[], byte[]> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
        {
            return false;
        }
    }

    static ProducerConfig Settings(string servers) => new()
    {
        BootstrapServers = servers,
        Acks = Acks.All,
        EnableIdempotence = true,
        CompressionType = CompressionType.Lz4,
        Partitioner = Partitioner.Murmur2Random,
        LingerMs = 5,
        MessageTimeoutMs = 30_000,
        QueueBufferingMaxKbytes = 64 * 1024,
        DeliveryReportFields = "none",
        LogConnectionClose = false,
    };
}
