using System.Text;
using Confluent.Kafka;
using Npgsql;
using Pipeline.Contracts;
using Pipeline.Oracle;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Events;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Erasure;
using Pipeline.Sinks.Postgres.Events;
using Pipeline.Sinks.Tests.Postgres;

namespace Pipeline.Processors.Tests.Metrics;

/// <summary>A migrated database of one test, into which traces go as records of partitions, through the product's own reading and writing.</summary>
sealed class MetricsStore : IAsyncDisposable
{
    const string TopicId = "topic-id";

    static readonly TopicOptions Topic = new() { Name = "efficiency.events", TrustHeaders = true };

    readonly List<EventWriter> _writers = [];
    readonly Store _store;

    MetricsStore(Store store) => _store = store;

    public TestDatabase Database => _store.Database;

    public NpgsqlDataSource Pool => _store.Pool;

    public MetricsReader Reader => new(Pool);

    /// <summary>Commits a tombstone and deletes what it covers.</summary>
    public async Task<ErasureRequest> EraseAsync(string user, DateTime? from = null, DateTime? to = null)
    {
        var requests = new ErasureRequests(Pool);
        await requests.CreateAsync(Topics.DefaultTenant, user, from, to, Stop);
        var request = (await requests.OpenAsync(ErasureRequests.Postgres, Stop))[^1];
        await new PostgresErasure(_store.Sessions).EraseAsync(request, Stop);
        Assert.Empty(await new PostgresErasure(_store.Sessions).FindAsync(request, Stop));
        return request;
    }

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static async Task<MetricsStore> CreateAsync() => new(await Store.MigratedAsync());

    /// <summary>Writes the events in this order, each partition in batches of up to this many.</summary>
    /// <param name="partitionOf">Where each event is, by its place in the list.</param>
    public async Task WriteAsync(IReadOnlyList<TraceEvent> events, Func<int, int> partitionOf, Func<int> batchEvents)
    {
        foreach (var writer in _writers)
            await writer.DisposeAsync();
        _writers.Clear();
        foreach (var partition in events.Select((e, i) => (Event: e, Partition: partitionOf(i))).GroupBy(e => e.Partition, e => e.Event).OrderBy(p => p.Key))
        {
            var writer = await OwnerAsync(partition.Key);
            await WriteAsync(writer, partition.Key, [.. partition], batchEvents);
        }
    }

    public async Task<EventWriter> OwnerAsync(int partition)
    {
        var writer = _store.Writer();
        _writers.Add(writer);
        await writer.AcquireAsync(new LogPlace(Roles.EventsPostgres, Topic.Name, TopicId, partition), new LogExtent(0, long.MaxValue), Stop);
        return writer;
    }

    public static async Task WriteAsync(EventWriter writer, int partition, IReadOnlyList<TraceEvent> events, Func<int> batchEvents)
    {
        var builder = new PostgresBatchBuilder(Topic, TopicId, Records.Reading(), TimeProvider.System);
        for (var first = 0; first < events.Count;)
        {
            var start = writer.NextOffset;
            var records = events.Skip(first).Take(batchEvents()).Select((e, i) => Record(partition, start + i, e)).ToList();
            first += records.Count;
            var batch = builder.Build(new RecordBatch(records, start, start + records.Count));
            Assert.Empty(batch.DeadLetters);
            while (true)
            {
                try
                {
                    await writer.WriteAsync(batch, Stop);
                    break;
                }
                catch (Exception e) when (e is FencedException or PostgresException { SqlState: PostgresErrorCodes.DeadlockDetected })
                {
                    // As the road does: another log entered the same object at this moment.
                    await writer.AcquireAsync(new LogPlace(Roles.EventsPostgres, Topic.Name, TopicId, partition), new LogExtent(0, long.MaxValue), Stop);
                }
            }
        }
    }

    static ConsumeResult<byte[], byte[]> Record(int partition, long offset, TraceEvent e)
    {
        var header = new IngestHeader.Template(e.ReceivedAt.ToUnixTimeMilliseconds(), e.Tenant, null, e.SentAt?.ToUnixTimeMilliseconds(), e.BatchTool, null);
        var bytes = new byte[header.Length(0)];
        header.Write(0, bytes);
        return new ConsumeResult<byte[], byte[]>
        {
            TopicPartitionOffset = new TopicPartitionOffset(Topic.Name, partition, offset),
            Message = new Message<byte[], byte[]>
            {
                Key = Encoding.UTF8.GetBytes("k"),
                Value = e.Bytes,
                Headers = new Headers { { Topics.IngestHeaderName, bytes } },
                Timestamp = new Timestamp(1_750_000_000_000, TimestampType.LogAppendTime),
            },
        };
    }

    public ValueTask DisposeAsync() => _store.DisposeAsync();
}
