using System.Diagnostics;
using System.Threading.Channels;
using Confluent.Kafka;
using Npgsql;
using Pipeline.Contracts;
using Pipeline.DevTool.Simulation;
using Pipeline.Processors;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Events;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Days;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Benchmarks;

/// <summary>
/// Puts simulated events into PostgreSQL by the product's own reading and writing, as records of twelve partitions, each with a writer of its own. Only HTTP and the broker are left out,
/// which makes millions of events a matter of a minute or two.
/// </summary>
static class StoredYear
{
    const int BatchEvents = 5000, BatchesWaitingMax = 2;
    const string TopicId = "simulated-year";

    static readonly TopicOptions Topic = new() { Name = "simulated.year", TrustHeaders = true };

    /// <param name="events">Stands behind the last event that was stored when this is done.</param>
    /// <returns>How many events there were, and the seconds that it took.</returns>
    public static async Task<(int Events, double Seconds)> WriteAsync(string database, IEnumerator<SimulatedEvent> events, int count)
    {
        var settings = new PostgresOptions { ConnectionString = database }.Build("pipeline-benchmarks");
        settings.Pooling = false;
        settings.CommandTimeout = 300;
        await using var store = NpgsqlDataSource.Create(settings);
        await new Migrations(store).ApplyAsync(CancellationToken.None);
        var clock = Stopwatch.StartNew();
        var partitions = Enumerable.Range(0, Servers.Partitions).Select(_ => Channel.CreateBounded<List<ConsumeResult<byte[], byte[]>>>(BatchesWaitingMax)).ToArray();
        var writers = partitions.Select((p, i) => Task.Run(() => WriteAsync(store, i, p.Reader))).ToArray();
        // A writer that failed takes nothing more; its failure, and not an endless wait, is what is told.
        var reading = Task.Run(() => ReadAsync(events, count, [.. partitions.Select(p => p.Writer)]));
        await Task.WhenAny(reading, Task.WhenAll(writers));
        foreach (var failed in writers.Where(w => w.IsFaulted))
            await failed;
        var stored = await reading;
        await Task.WhenAll(writers);
        await AddUpDaysAsync(store);
        await VacuumAsync(store);
        return (stored, clock.Elapsed.TotalSeconds);
    }

    /// <summary>A user's events are in one partition, as the producer's key puts them.</summary>
    static async Task<int> ReadAsync(IEnumerator<SimulatedEvent> events, int count, ChannelWriter<List<ConsumeResult<byte[], byte[]>>>[] partitions)
    {
        var batches = partitions.Select(_ => new List<ConsumeResult<byte[], byte[]>>(BatchEvents)).ToArray();
        var offsets = new long[partitions.Length];
        var logged = new Timestamp(DateTime.UtcNow, TimestampType.LogAppendTime);
        var read = 0;
        for (; read < count && events.MoveNext(); read++)
        {
            var partition = events.Current.User % partitions.Length;
            batches[partition].Add(Record(events.Current, partition, offsets[partition]++, logged));
            if (batches[partition].Count < BatchEvents)
                continue;
            await partitions[partition].WriteAsync(batches[partition]);
            batches[partition] = new(BatchEvents);
        }
        for (var i = 0; i < partitions.Length; i++)
        {
            if (batches[i].Count > 0)
                await partitions[i].WriteAsync(batches[i]);
            partitions[i].Complete();
        }
        return read;
    }

    static ConsumeResult<byte[], byte[]> Record(in SimulatedEvent e, int partition, long offset, Timestamp logged)
    {
        var template = new IngestHeader.Template(e.ArrivedAtMs, Topics.DefaultTenant, null, e.SentAtMs, "bench", "1.0.0");
        var header = new byte[template.Length(0)];
        template.Write(0, header);
        return new ConsumeResult<byte[], byte[]>
        {
            TopicPartitionOffset = new TopicPartitionOffset(Topic.Name, partition, offset),
            Message = new Message<byte[], byte[]>
            {
                Key = SimulatedWork.UserId(e.User), Value = e.Bytes.ToArray(), Headers = new Headers { { Topics.IngestHeaderName, header } }, Timestamp = logged,
            },
        };
    }

    static async Task WriteAsync(NpgsqlDataSource store, int partition, ChannelReader<List<ConsumeResult<byte[], byte[]>>> batches)
    {
        var place = new LogPlace(Roles.EventsPostgres, Topic.Name, TopicId, partition);
        var reading = new RecordReading(new Turns(int.MaxValue), new ProcessingDeadline(TimeSpan.FromSeconds(30), TimeProvider.System), new FailureLimit(1, TimeProvider.System));
        var builder = new PostgresBatchBuilder(Topic, TopicId, reading, TimeProvider.System);
        await using var writer = new EventWriter(new PostgresEventStore(store, new LogOwnership(new OwnershipRules("benchmark", false, Topics.DefaultTenant))));
        await writer.AcquireAsync(place, new LogExtent(0, long.MaxValue), CancellationToken.None);
        await foreach (var records in batches.ReadAllAsync())
        {
            while (true)
            {
                try
                {
                    var outcome = await writer.WriteAsync(builder.Build(new RecordBatch(records, records[0].Offset, records[^1].Offset + 1)), CancellationToken.None);
                    if (outcome.Stored != records.Count)
                        throw new InvalidOperationException($"of {records.Count} simulated events {outcome.Stored} were stored");
                    break;
                }
                catch (Exception e) when (e is FencedException or PostgresException { SqlState: PostgresErrorCodes.DeadlockDetected })
                {
                    // As the road does: another log entered the same object at this moment.
                    await writer.AcquireAsync(place, new LogExtent(0, long.MaxValue), CancellationToken.None);
                }
            }
        }
    }

    /// <summary>What the processors would have done in the course of a year, by the same code.</summary>
    static async Task AddUpDaysAsync(NpgsqlDataSource store)
    {
        await using var session = await store.OpenConnectionAsync();
        await new ClosedDays(session).PassAsync(DateTime.UtcNow, CancellationToken.None);
    }

    /// <summary>What autovacuum would have done in the course of a year.</summary>
    static async Task VacuumAsync(NpgsqlDataSource store)
    {
        await using var command = store.CreateCommand("VACUUM (ANALYZE) rev_1.activity, rev_1.activity_days, rev_1.members, rev_1.objects, rev_1.tasks, rev_1.event_ledger");
        await command.ExecuteNonQueryAsync();
    }
}
