using Confluent.Kafka;
using Npgsql;
using Pipeline.Contracts.Events;
using Pipeline.Processors.Consuming;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Processors.Events;

/// <summary>The road that the promise is about: every offset of the events topics becomes a row, a duplicate or a dead letter, once.</summary>
sealed class EventsPostgresRoad(KafkaOptions kafka, TopicLogs logs, Func<TopicOptions, EventWriter> newWriter, ProcessorMetrics metrics, TimeProvider clock) : IRoad
{
    public string Name => Roles.EventsPostgres;

    public IReadOnlyList<string> TopicNames { get; } = [.. kafka.Events.Select(t => t.Name)];

    public IPartitionRoad Open(TopicPartition partition) => new Partition(this, partition, kafka.Events.First(t => t.Name == partition.Topic));

    sealed class Partition(EventsPostgresRoad road, TopicPartition partition, TopicOptions topic) : IPartitionRoad
    {
        readonly EventWriter _writer = road._newWriter(topic);
        PostgresBatchBuilder? _builder;
        LogPlace? _log;

        /// <summary>Where the first gap was met, until it is met again; then this log is known to have gaps.</summary>
        long? _firstGap;
        bool _hasGaps;

        public async Task<long> AcquireAsync(CancellationToken stop)
        {
            var topicId = await road._logs.ReadIdAsync(partition.Topic);
            var extent = await road._logs.ReadExtentAsync(partition);
            // Asked again, so that the extent is known to be that of this log and not of one made in between.
            if (await road._logs.ReadIdAsync(partition.Topic) != topicId)
                throw new TopicUnavailableException($"{partition.Topic} was made anew just now");
            _log = new LogPlace(road.Name, partition.Topic, topicId, partition.Partition.Value);
            _builder = new PostgresBatchBuilder(topic, topicId, road._clock);
            try
            {
                return await _writer.AcquireAsync(_log, extent, stop);
            }
            catch (LogMismatchException e) when (e.Code == "offset_beyond_end")
            {
                // While the row was waited for, its owner may have gone on past the end that was read before.
                return await _writer.AcquireAsync(_log, await road._logs.ReadExtentAsync(partition), stop);
            }
        }

        public async Task<long> ProcessAsync(RecordBatch records, CancellationToken stop)
        {
            // Asked after the last record was fetched: the same id now means that all of them came from this log.
            var topicId = road._logs.ReadIdAsync(partition.Topic);
            if (records.HasGaps)
                records = await ReadableAsync(records);
            var batch = _builder!.Build(records);
            if (await topicId != _log!.TopicId)
                throw new TopicUnavailableException($"{partition.Topic} was made anew");
            await WriteAsync(batch, stop);
            return records.Next;
        }

        /// <summary>Stores the batch; one that the store refuses as data is halved until the record is alone that it refuses.</summary>
        async Task WriteAsync(EventBatch batch, CancellationToken stop)
        {
            try
            {
                road._metrics.Written(road.Name, await _writer.WriteAsync(batch, stop), road._clock.GetUtcNow(), batch);
            }
            catch (PostgresException e) when (PostgresFaults.Classify(e) == StoreFault.Refused)
            {
                if (batch.TrySplit(out var first, out var second))
                {
                    await WriteAsync(first, stop);
                    await WriteAsync(second, stop);
                }
                else if (batch.Events.Count == 1)
                {
                    await WriteAsync(batch.Refused(new EventFault(FaultReason.StoreRefused), e.MessageText), stop);
                }
                else
                {
                    throw;
                }
            }
        }

        /// <summary>
        /// An offset without a record is an absent one only where the log still reaches back to it. Most logs have none, so that the first one is
        /// believed only when it is read twice: a record that the client passed over would otherwise be lost in silence. Until then the stretch ends
        /// before the gap, and what comes after it is consumed again.
        /// </summary>
        async Task<RecordBatch> ReadableAsync(RecordBatch records)
        {
            var whole = 0;
            while (whole < records.Records.Count && records.Records[whole].Offset == records.From + whole)
                whole++;
            var gap = records.From + whole;
            var extent = await road._logs.ReadExtentAsync(partition);
            var removed = extent.Start > gap;
            if (!removed && (_hasGaps || _firstGap == gap))
            {
                _hasGaps = true;
                return records;
            }
            _firstGap = gap;
            if (whole > 0)
                return new RecordBatch([.. records.Records.Take(whole)], records.From, gap);
            throw new TopicUnavailableException(removed
                ? $"{partition.Topic}[{partition.Partition.Value}] starts at {extent.Start} now; offset {gap} may have been removed unread"
                : $"offset {gap} seems to hold no record; it is read again to make sure");
        }

        public Task ReleaseAsync(CancellationToken stop) => _writer.ReleaseAsync(stop);

        public ValueTask DisposeAsync() => _writer.DisposeAsync();
    }

    readonly TopicLogs _logs = logs;
    readonly Func<TopicOptions, EventWriter> _newWriter = newWriter;
    readonly ProcessorMetrics _metrics = metrics;
    readonly TimeProvider _clock = clock;
}
