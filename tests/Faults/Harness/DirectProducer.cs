using Confluent.Kafka;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Harness;

/// <summary>A back end that publishes to the topic itself, at a steady rate: a few records twice, a few invalid.</summary>
sealed class DirectProducer : IDisposable
{
    static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(100);

    readonly IProducer<byte[], byte[]> _producer;
    readonly string _topic;
    readonly Ledger _ledger;
    readonly LoadShape _shape;
    readonly Random _random;
    readonly Traffic _traffic;

    public DirectProducer(string servers, string topic, Ledger ledger, LoadShape shape, Random random)
    {
        (_topic, _ledger, _shape, _random, _traffic) = (topic, ledger, shape, random, new Traffic(random, shape));
        var settings = TestTopic.ProducerSettings(servers);
        settings.MessageTimeoutMs = 20_000;
        _producer = new ProducerBuilder<byte[], byte[]>(settings).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
    }

    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Slice);
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
                for (var left = _shape.DirectPerSecond * Slice.TotalSeconds; left > 0; left--)
                {
                    var e = _traffic.Next(named: true, _shape.InvalidShare);
                    Send(e);
                    if (_random.NextDouble() < _shape.TwiceShare)
                        Send(e);
                }
        }
        catch (OperationCanceledException)
        {
            // The load is over.
        }
    }

    public void Send(SentEvent e, string? topic = null)
    {
        try
        {
            _producer.Produce(topic ?? _topic, new Message<byte[], byte[]> { Key = System.Text.Encoding.UTF8.GetBytes(e.User), Value = e.Bytes },
                report => _ledger.Write(e.Mark, report.Error.IsError ? Told.Unknown : Told.Ok));
        }
        catch (ProduceException<byte[], byte[]>)
        {
            _ledger.Write(e.Mark, Told.Unknown);
        }
    }

    public Task SettleAsync() => Task.Run(() => _producer.Flush(TimeSpan.FromSeconds(25)));

    public void Dispose() => _producer.Dispose();
}
