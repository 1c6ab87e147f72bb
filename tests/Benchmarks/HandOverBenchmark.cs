using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Contracts.Events;
using Pipeline.Processors;
using Pipeline.Processors.Failures;
using Pipeline.Processors.Failures.RabbitMq;
using Pipeline.Sinks.Postgres;
using RabbitMQ.Client;

namespace Pipeline.Benchmarks;

/// <summary>
/// Failed records handed over to RabbitMQ, confirmed by a quorum queue: ours (ladder, headers, breaker, deadline) against the client alone, which publishes
/// the same bodies without headers to a queue of the same kind, as many under way at a time.
/// </summary>
static class HandOverBenchmark
{
    const int ListRecords = 500;

    public static async Task RunAsync(Servers servers, Report report, bool quick)
    {
        var trace = new Trace(servers.Repository);
        var (count, rounds) = quick ? (10_000, 2) : (30_000, 5);
        var records = Enumerable.Range(0, count).Select(i => Record(trace.Event(i, 9), i)).ToList();
        report.Line($"  {count:N0} records of {records.Average(r => r.Value!.Length):N0} bytes a run, {rounds} interleaved rounds; lists of {ListRecords}, one after the other, and by single records, 64 at a time");
        double[] lists = new double[rounds], singles = new double[rounds], raw = new double[rounds];
        for (var round = 0; round < rounds; round++)
        {
            lists[round] = await OursAsync(servers.RabbitMq, records, list: true);
            raw[round] = await RawAsync(servers.RabbitMq, records);
            singles[round] = await OursAsync(servers.RabbitMq, records, list: false);
        }
        report.Figure("hand-over by lists", Report.Median(lists), "confirmed messages/s", "wanted ≥ 5,000");
        report.Figure("hand-over one by one, 64 at a time", Report.Median(singles), "confirmed messages/s", "wanted ≥ 5,000");
        report.Figure("RabbitMQ.Client alone, by lists", Report.Median(raw), "confirmed messages/s");
        report.Ratio("hand-over by lists / client alone", Report.Median(lists), Report.Median(raw), "(for orientation)");
    }

    static async Task<double> OursAsync(string uri, List<FailedRecord> records, bool list)
    {
        var options = new RabbitMqOptions { Uri = uri, Prefix = $"bench{Guid.NewGuid():N}"[..14] + "." };
        var topology = new RabbitMqTopology(options, []);
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var metrics = new ProcessorMetrics(services.GetRequiredService<IMeterFactory>(), TimeProvider.System);
        var breaker = new Breaker(Dependencies.RabbitMq, new BreakerOptions(), TimeProvider.System, metrics, NullLogger.Instance);
        await using var publisher = new RabbitMqPublisher(new RabbitMqConnector(options, TimeProvider.System), topology, breaker, metrics);
        var ladder = new RetryLadder(publisher, topology, new RetrySchedule(options.Delays, options.AttemptsMax), metrics);
        await publisher.PingAsync(CancellationToken.None);
        var clock = Stopwatch.StartNew();
        if (list)
            foreach (var chunk in records.Chunk(ListRecords))
                await ladder.FailAsync(chunk, CancellationToken.None);
        else
            await Parallel.ForEachAsync(records, new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (record, stop) => await ladder.FailAsync(record, stop));
        var rate = records.Count / clock.Elapsed.TotalSeconds;
        await DeleteAsync(uri, [topology.Names.DeadLetters, .. options.Delays.Select(topology.Names.Retry)], [topology.Names.Work, topology.Names.DeadLetters, .. options.Delays.Select(topology.Names.Retry)]);
        return rate;
    }

    static async Task<double> RawAsync(string uri, List<FailedRecord> records)
    {
        var queue = $"bench{Guid.NewGuid():N}";
        await using var connection = await new ConnectionFactory { Uri = new Uri(uri) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
        var properties = new BasicProperties { Persistent = true };
        var clock = Stopwatch.StartNew();
        foreach (var chunk in records.Chunk(ListRecords))
            await Task.WhenAll(chunk.Select(r => channel.BasicPublishAsync("", queue, mandatory: true, new BasicProperties(properties), r.Value).AsTask()));
        var rate = records.Count / clock.Elapsed.TotalSeconds;
        await DeleteAsync(uri, [queue], []);
        return rate;
    }

    static async Task DeleteAsync(string uri, string[] queues, string[] exchanges)
    {
        await using var connection = await new ConnectionFactory { Uri = new Uri(uri) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        foreach (var queue in queues)
            await channel.QueueDeleteAsync(queue);
        foreach (var exchange in exchanges)
            await channel.ExchangeDeleteAsync(exchange);
    }

    static FailedRecord Record(byte[] value, int offset) => new()
    {
        Log = new LogPlace("analysis", "analysis.requests", "AAAAAAAAAAAAAAAAAAAAAQ", offset % 12),
        Offset = offset,
        Tenant = "default",
        Key = "u-e6b3307ed5"u8.ToArray(),
        Value = value,
        Headers = [new("ingest", "1;1704067200000;default;b;1;1704067200000;tool;1"u8.ToArray())],
        LoggedAt = DateTimeOffset.UnixEpoch,
        Cause = new FailureCause("processing", FailureCause.Invalid, FaultReason.InvalidValue, "input.values must hold at least one number"),
        FailedFirst = DateTimeOffset.UnixEpoch,
        FailedLast = DateTimeOffset.UnixEpoch,
    };
}
