using System.Diagnostics;
using System.Diagnostics.Metrics;
using Confluent.Kafka;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Processors;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Events;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Benchmarks;

/// <summary>
/// What breakers, turns, deadlines and the poison guard cost when nothing fails: the events-postgres road in this process, with a store that does
/// nothing, against the same parsing and writing without them. Without the store's work the share is an upper bound.
/// </summary>
static class FailureCostBenchmark
{
    const int BatchEvents = 5000;
    static readonly TopicOptions Topic = new() { Name = "efficiency.events" };
    static readonly TopicPartition Place = new(Topic.Name, 0);

    public static async Task RunAsync(Servers servers, Report report, bool quick)
    {
        var pairs = quick ? 6 : 24;
        var records = Records(new Trace(servers.Repository), quick ? 100_000 : 200_000);
        report.Line($"  {records.Count:N0} events a run, {pairs} interleaved pairs, no servers: CPU seconds per million events");
        var shares = new List<double>();
        double with = 0, without = 0;
        await RunOnceAsync(records, guarded: true);
        await RunOnceAsync(records, guarded: false);
        for (var i = 0; i < pairs; i++)
        {
            // Which comes first alternates, so that what drifts drifts into both.
            var (first, second) = (await RunOnceAsync(records, i % 2 == 0), await RunOnceAsync(records, i % 2 != 0));
            var (guarded, bare) = i % 2 == 0 ? (first, second) : (second, first);
            shares.Add((guarded / bare) - 1);
            with += guarded / pairs;
            without += bare / pairs;
        }
        report.Figure("road with the failure machinery", with, "s");
        report.Figure("the same without", without, "s");
        var (mean, half) = Interval(shares);
        report.Line(FormattableString.Invariant($"  cost of the machinery: {mean:+0.00%;-0.00%} of parsing and preparing, 95 % interval {mean - half:+0.00%;-0.00%} to {mean + half:+0.00%;-0.00%}   wanted ≤ 3 % of the whole road"));
        report.Ratio("failure machinery: CPU with / without", with, without, "≤ 1.03");
    }

    /// <returns>Mean, and half of the 95 % interval (normal approximation).</returns>
    static (double Mean, double Half) Interval(List<double> values)
    {
        var mean = values.Average();
        var deviation = Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1));
        return (mean, 1.96 * deviation / Math.Sqrt(values.Count));
    }

    static async Task<double> RunOnceAsync(List<ConsumeResult<byte[], byte[]>> records, bool guarded)
    {
        await using var partition = guarded ? Guarded() : new BareRoad();
        await partition.AcquireAsync(CancellationToken.None);
        var batches = records.Chunk(BatchEvents).Select(c => new RecordBatch(c, c[0].Offset, c[^1].Offset + 1)).ToList();
        GC.Collect();
        var before = Process.GetCurrentProcess().TotalProcessorTime;
        foreach (var batch in batches)
            await partition.ProcessAsync(batch, CancellationToken.None);
        return (Process.GetCurrentProcess().TotalProcessorTime - before).TotalSeconds * 1e6 / records.Count;
    }

    static IPartitionRoad Guarded()
    {
        var metrics = new ProcessorMetrics(new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>(), TimeProvider.System);
        var reading = new RecordReading(new Turns(int.MaxValue), new ProcessingDeadline(TimeSpan.FromSeconds(30), TimeProvider.System), new FailureLimit(100, TimeProvider.System));
        var settings = new EventsPostgresSettings(new Breaker(Dependencies.Postgres, new BreakerOptions(), TimeProvider.System, metrics, NullLogger.Instance),
            reading, metrics, TimeProvider.System, NullLogger.Instance, BatchEvents);
        return new EventsPostgresRoad(new KafkaOptions { EventTopics = [Topic] }, new OneLog(), _ => new NoStore(), settings).Open(Place);
    }

    static List<ConsumeResult<byte[], byte[]>> Records(Trace trace, int count) => [.. Enumerable.Range(0, count).Select(i => new ConsumeResult<byte[], byte[]>
    {
        TopicPartitionOffset = new TopicPartitionOffset(Place, i),
        Message = new Message<byte[], byte[]> { Key = trace.User(i), Value = trace.Event(i, 1), Timestamp = new Timestamp(1_750_000_000_000, TimestampType.LogAppendTime) },
    })];

    /// <summary>The twin: what the road does with a batch when it trusts everything.</summary>
    sealed class BareRoad : IPartitionRoad
    {
        readonly EventWriter _writer = new(new NoStore());
        readonly OneLog _logs = new();
        readonly ProcessorMetrics _metrics = new(new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>(), TimeProvider.System);
        readonly PostgresBatchBuilder _builder = new(Topic, "id",
            new RecordReading(new Turns(1), new ProcessingDeadline(TimeSpan.FromSeconds(30), TimeProvider.System), new FailureLimit(1, TimeProvider.System)), TimeProvider.System);

        public PartitionCounts Counts => PartitionCounts.None;

        public async Task<long> AcquireAsync(CancellationToken stop) =>
            (await _writer.AcquireAsync(new LogPlace(Roles.EventsPostgres, Topic.Name, "id", 0), new LogExtent(0, long.MaxValue), stop)).NextOffset;

        public async Task<long> ProcessAsync(RecordBatch batch, CancellationToken stop)
        {
            var id = _logs.ReadIdAsync(Topic.Name);
            var built = _builder.Build(batch);
            await id;
            _metrics.Written(Roles.EventsPostgres, await _writer.WriteAsync(built, stop), DateTimeOffset.UtcNow, built);
            return batch.Next;
        }

        public Task ReleaseAsync(CancellationToken stop) => Task.CompletedTask;

        public ValueTask DisposeAsync() => _writer.DisposeAsync();
    }

    sealed class OneLog : ITopicLogs
    {
        public Task<string> ReadIdAsync(string topic) => Task.FromResult("id");

        public Task<LogExtent> ReadExtentAsync(TopicPartition partition) => Task.FromResult(new LogExtent(0, long.MaxValue));
    }

    /// <summary>Accepts everything and keeps nothing.</summary>
    sealed class NoStore : IEventStore, IEventSession, IEventTransaction
    {
        public bool IsOpen => true;
        public Task<IEventSession> OpenAsync(CancellationToken stop) => Task.FromResult<IEventSession>(this);
        public Task<Fence> AcquireAsync(LogPlace log, LogExtent extent, CancellationToken stop) => Task.FromResult(new Fence(log, 1, 1, "rev_1"));
        public Task MarkTryingAsync(Fence fence, long offset, CancellationToken stop) => Task.CompletedTask;
        public Task MakeRoomAsync(IEnumerable<long> loggedAtUs, CancellationToken stop) => Task.CompletedTask;
        public Task<IEventTransaction> BeginAsync(CancellationToken stop) => Task.FromResult<IEventTransaction>(this);
        public Task ReleaseAsync(Fence fence, CancellationToken stop) => Task.CompletedTask;
        public Task AdvanceAsync(Fence fence, long next, CancellationToken stop) => Task.CompletedTask;
        public Task SetAsideAsync(EventBatch batch, CancellationToken stop) => Task.CompletedTask;

        public Task EnterIdsAsync(Fence fence, Duplicates ids, CancellationToken stop) => Task.CompletedTask;
        public Task AddRowsAsync(Fence fence, List<EventRow> rows, CancellationToken stop) => Task.CompletedTask;
        public Task AddActivityAsync(Fence fence, List<EventRow> rows, CancellationToken stop) => Task.CompletedTask;
        public Task AddOutcomesAsync(Fence fence, EventBatch batch, ResolvedEvents resolved, CancellationToken stop) => Task.CompletedTask;
        public Task CommitAsync(CancellationToken stop) => Task.CompletedTask;
        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
