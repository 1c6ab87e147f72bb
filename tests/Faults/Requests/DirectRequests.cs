using System.Collections.Concurrent;
using System.Text;
using Confluent.Kafka;
using Pipeline.Faults.Harness;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Requests;

/// <summary>A back end that publishes requests to the topic itself, some of them twice, some under the id of one that the broker has already.</summary>
sealed class DirectRequests : IDisposable
{
    static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(100);

    readonly IProducer<byte[], byte[]> _producer;
    readonly string _topic;
    readonly RequestLedger _ledger;
    readonly RequestShape _shape;
    readonly Random _random;
    readonly RequestTraffic _traffic;
    readonly ConcurrentQueue<AskedRequest> _accepted = new();

    public DirectRequests(string servers, string topic, RequestLedger ledger, RequestShape shape, Random random)
    {
        (_topic, _ledger, _shape, _random, _traffic) = (topic, ledger, shape, random, new RequestTraffic(random, shape));
        var settings = TestTopic.ProducerSettings(servers);
        settings.MessageTimeoutMs = 20_000;
        _producer = new ProducerBuilder<byte[], byte[]>(settings).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
    }

    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Slice);
        var due = 0.0;
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
                for (due += _shape.DirectPerSecond * Slice.TotalSeconds; due >= 1; due--)
                    SendOne();
        }
        catch (OperationCanceledException)
        {
            // The load is over.
        }
    }

    /// <summary>At once, beside the steady rate.</summary>
    public void SendMany(int count)
    {
        for (var i = 0; i < count; i++)
            lock (_traffic)
                Send(_ledger.Note(_traffic.Next(byHttp: false)));
    }

    void SendOne()
    {
        lock (_traffic)
        {
            var asked = _ledger.Note(_traffic.Next(byHttp: false));
            Send(asked);
            if (_random.NextDouble() < _shape.TwiceShare)
                Send(asked);
            // Behind the first one in its partition, because the broker has that and the key is the same.
            if (_accepted.TryDequeue(out var first) && _random.NextDouble() < _shape.ConflictShare)
                Send(_ledger.Note(_traffic.Conflicting(first, byHttp: false)));
        }
    }

    void Send(AskedRequest asked)
    {
        try
        {
            _producer.Produce(_topic, new Message<byte[], byte[]> { Key = Encoding.UTF8.GetBytes(asked.Id), Value = asked.Bytes }, report =>
            {
                _ledger.Told.Write(asked.Mark, report.Error.IsError ? Told.Unknown : Told.Ok);
                if (!report.Error.IsError && asked.Expected.Ending != Ending.Conflict)
                    _accepted.Enqueue(asked);
            });
        }
        catch (ProduceException<byte[], byte[]>)
        {
            _ledger.Told.Write(asked.Mark, Told.Unknown);
        }
    }

    public Task SettleAsync() => Task.Run(() => _producer.Flush(TimeSpan.FromSeconds(25)));

    public void Dispose() => _producer.Dispose();
}
