using System.Text;
using Confluent.Kafka;
using Npgsql;
using Pipeline.Contracts;
using Pipeline.Oracle;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Events;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Days;
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

    /// <summary>Adds up days as a processor does, as if it were that time.</summary>
    public async Task<DaysPass> AddUpAsync(DateTime now, Action<DaysPoint>? armed = null)
    {
        await using var session = await _store.Sessions.OpenConnectionAsync(Stop);
        var days = new ClosedDays(session, armed, keysAtOnce: 2);
        await Until.TrueAsync("it is this session's turn", TimeSpan.FromSeconds(20), () => days.TakeTurnAsync(Stop));
        return await days.PassAsync(now, Stop);
    }

    /// <summary>
    /// Days that were added up and are not what their rows say, although no note says so; in one snapshot, whatever is written meanwhile.
    /// </summary>
    public Task<List<string>> WrongDaysAsync() => Database.RowsAsync("""
        WITH noted AS (SELECT DISTINCT tenant, user_id, project_id, day FROM pipeline.changed_days),
        added AS (
            SELECT tenant, user_id, project_id, day, events, annotations, annotations_succeeded, annotation_durations, annotation_us, duration_outliers, errors, saves, saves_succeeded, undos,
                timed_completions, completion_us, completed, net, sourced, from_model, from_model_changed, objects_saved, objects_reworked, tasks_submitted, tasks_first_pass, items,
                rev_1.compact_bins(completion_times), rev_1.compact_bins(load_times), rev_1.compact_bins(frame_switch_times), rev_1.compact_bins(save_times), rev_1.compact_bins(fps),
                last_annotation_at, (length(coalesce(work_slots, '')) + length(coalesce(other_slots, ''))) / 35
            FROM pipeline.activity_days WHERE day < (SELECT added_up_before FROM pipeline.days_state)),
        counted AS (
            SELECT tenant, user_id, project_id, date_trunc('day', bucket, 'UTC') AS day, sum(events)::bigint, coalesce(sum(events) FILTER (WHERE event_type = 1), 0)::bigint,
                coalesce(sum(succeeded) FILTER (WHERE event_type = 1), 0)::bigint, coalesce(sum(durations) FILTER (WHERE event_type = 1), 0)::bigint,
                coalesce(sum(duration_us) FILTER (WHERE event_type = 1), 0)::bigint, sum(duration_outliers)::bigint, coalesce(sum(events) FILTER (WHERE event_type = 6), 0)::bigint,
                coalesce(sum(saves), 0), coalesce(sum(saves_succeeded), 0), coalesce(sum(undos), 0), coalesce(sum(timed_completions), 0), coalesce(sum(completion_us), 0)::bigint,
                coalesce(sum(completed), 0), coalesce(sum(net), 0), coalesce(sum(sourced), 0), coalesce(sum(from_model), 0), coalesce(sum(from_model_changed), 0), coalesce(sum(objects_saved), 0),
                coalesce(sum(objects_reworked), 0), coalesce(sum(tasks_submitted), 0), coalesce(sum(tasks_first_pass), 0), coalesce(sum(items), 0),
                rev_1.compact_bins(string_agg(completion_times, '')), rev_1.compact_bins(string_agg(load_times, '')), rev_1.compact_bins(string_agg(frame_switch_times, '')),
                rev_1.compact_bins(string_agg(save_times, '')), rev_1.compact_bins(string_agg(fps, '')),
                max(last_at) FILTER (WHERE event_type = 1), (count(DISTINCT bucket) FILTER (WHERE event_type <= 4) + count(DISTINCT bucket) FILTER (WHERE event_type > 4))::int
            FROM pipeline.activity WHERE bucket < (SELECT added_up_before FROM pipeline.days_state) GROUP BY 1, 2, 3, 4)
        SELECT wrong::text FROM ((TABLE added EXCEPT ALL TABLE counted) UNION ALL (TABLE counted EXCEPT ALL TABLE added)) AS wrong
        WHERE NOT EXISTS (SELECT FROM noted n WHERE (n.tenant, n.user_id, n.project_id, n.day) = (wrong.tenant, wrong.user_id, wrong.project_id, wrong.day))
        """, r => r.GetString(0));

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
