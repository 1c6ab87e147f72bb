using Confluent.Kafka;
using Npgsql;
using Pipeline.Contracts.Events;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Processors.Events;

/// <summary>The road that the promise is about: every offset of the events topics becomes a row, a duplicate or a dead letter, once.</summary>
sealed class EventsPostgresRoad(KafkaOptions kafka, ITopicLogs logs, Func<TopicOptions, IEventStore> newStore, EventsPostgresSettings settings) : IRoad
{
    public string Name => Roles.EventsPostgres;

    public IReadOnlyList<string> TopicNames { get; } = [.. kafka.Events.Select(t => t.Name)];

    public IPartitionRoad Open(TopicPartition partition)
    {
        var topic = kafka.Events.First(t => t.Name == partition.Topic);
        return new Partition(partition, topic, logs, new EventWriter(newStore(topic)), settings);
    }

    sealed class Partition(TopicPartition partition, TopicOptions topic, ITopicLogs logs, EventWriter writer, EventsPostgresSettings settings) : IPartitionRoad
    {
        readonly PoisonGuard _guard = new(settings.BatchEventsMax);
        PostgresBatchBuilder? _builder;
        LogPlace? _log;

        /// <summary>Where the first gap was met, until it is met again; then this log is known to have gaps.</summary>
        long? _firstGap;
        bool _hasGaps;

        public PartitionCounts Counts { get; private set; } = PartitionCounts.None;

        public async Task<long> AcquireAsync(CancellationToken stop)
        {
            var topicId = await logs.ReadIdAsync(partition.Topic);
            var extent = await logs.ReadExtentAsync(partition);
            // Asked again, so that the extent is known to be that of this log and not of one made in between.
            await AssertIsTopicsAsync(topicId);
            _log = new LogPlace(Roles.EventsPostgres, partition.Topic, topicId, partition.Partition.Value);
            _builder = new PostgresBatchBuilder(topic, topicId, settings.Reading, settings.Clock);
            var fence = await AcquireAsync(_log, extent, stop);
            _guard.Acquired(fence, extent.End);
            settings.Reading.Suspect(partition, _guard.IsLooking(fence.NextOffset));
            return fence.NextOffset;
        }

        async Task<Fence> AcquireAsync(LogPlace log, LogExtent extent, CancellationToken stop)
        {
            try
            {
                return await settings.Store.RunAsync(s => writer.AcquireAsync(log, extent, s), stop);
            }
            catch (LogMismatchException e) when (e.Code == "offset_beyond_end")
            {
                // While the row was waited for, its owner may have gone on past the end that was read before.
                extent = await logs.ReadExtentAsync(partition);
                return await settings.Store.RunAsync(s => writer.AcquireAsync(log, extent, s), stop);
            }
            catch (LogMismatchException e) when (e.StoredTopicId is { } stored)
            {
                // Asked once more, now that the stored one is known: whichever of the two is the topic's now is the newer. We may have been slow,
                // and our log the one that was deleted.
                await AssertIsTopicsAsync(log.TopicId);
                return await settings.Store.RunAsync(s => writer.AcquireAsync(log with { Replaces = stored }, extent, s), stop);
            }
        }

        async Task AssertIsTopicsAsync(string topicId)
        {
            if (await logs.ReadIdAsync(partition.Topic) != topicId)
                throw new TopicUnavailableException($"{partition.Topic} was made anew just now");
        }

        public async Task<long> ProcessAsync(RecordBatch records, CancellationToken stop)
        {
            // Asked after the last record was fetched: the same id now means that all of them came from this log.
            var topicId = logs.ReadIdAsync(partition.Topic);
            if (records.HasGaps)
                records = await ReadableAsync(records);
            if (await topicId != _log!.TopicId)
                throw new TopicUnavailableException($"{partition.Topic} was made anew");
            var rest = records;
            while (rest.Records.Count > 0 && HowToRead(rest.Records[0].Offset) is var reading and not Reading.Together)
            {
                (var first, rest) = rest.SplitFirst();
                await ProcessFirstAsync(first, reading, stop);
                if (reading == Reading.Never)
                    _guard.Found();
                else
                    _guard.Passed();
            }
            if (!_guard.IsLooking(records.Next))
                settings.Reading.Suspect(partition, false);
            if (rest.From < rest.Next)
                await WriteAsync(await settings.Reading.TogetherAsync(_log.ToString(), () => _builder!.Build(rest), stop), stop);
            return records.Next;
        }

        Reading HowToRead(long offset)
        {
            if (settings.Reading.FoundBeside(partition))
                _guard.FoundElsewhere();
            return _guard.Of(offset);
        }

        /// <summary>One record of a stretch in which processes died.</summary>
        async Task ProcessFirstAsync(RecordBatch single, Reading reading, CancellationToken stop)
        {
            var offset = single.Records[0].Offset.Value;
            if (reading == Reading.Never)
            {
                await WriteAsync(_builder!.Unread(single, $"{PoisonGuard.TriesMax} processes in a row ended while they read it, the last of them with nothing else to read"), stop);
                settings.Reading.Found(partition);
                settings.Log.RecordKills(Roles.EventsPostgres, _log!.ToString(), offset);
                return;
            }
            using var alone = await settings.Reading.AloneAsync(stop);
            // 1. Which record it is, for good. A death from here to the end of step 3 is one more try of this record.
            await settings.Store.RunAsync(s => writer.MarkTryingAsync(offset, s), stop);
            // 2. It is read.
            var batch = settings.Reading.WithinDeadline($"{_log}@{offset}", () => _builder!.Build(single));
            // 3. Its commit takes the mark away.
            await WriteAsync(batch, stop);
        }

        /// <summary>Stores the batch; one that the store refuses as data is halved until the record is alone that it refuses.</summary>
        async Task WriteAsync(EventBatch batch, CancellationToken stop)
        {
            try
            {
                var outcome = await settings.Store.RunAsync(s => writer.WriteAsync(batch, s), stop);
                var untrusted = _builder!.UntrustedHeaders(batch);
                Counts += new PartitionCounts(DeadLetters: outcome.DeadLettered, Duplicates: outcome.Duplicates, UntrustedHeaders: untrusted);
                settings.Floods?.Count(batch);
                settings.Metrics.Written(Roles.EventsPostgres, outcome, settings.Clock.GetUtcNow(), batch);
                settings.Metrics.UntrustedHeaders(Roles.EventsPostgres, topic.Name, untrusted);
            }
            catch (PostgresException e) when (FailureClassifier.Classify(e).Kind == FailureKind.Invalid)
            {
                if (batch.TrySplit(out var first, out var second))
                {
                    Counts += new PartitionCounts(HalvedWrites: 1);
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
            var extent = await logs.ReadExtentAsync(partition);
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

        public Task ReleaseAsync(CancellationToken stop) => writer.ReleaseAsync(stop);

        public ValueTask DisposeAsync()
        {
            settings.Reading.Suspect(partition, false);
            return writer.DisposeAsync();
        }
    }
}

/// <summary>What all partitions of the road share.</summary>
/// <param name="Store">The breaker that every use of the store goes through.</param>
/// <param name="BatchEventsMax">How many records the batch may have held in which a process died.</param>
sealed record EventsPostgresSettings(Breaker Store, RecordReading Reading, ProcessorMetrics Metrics, TimeProvider Clock, ILogger Log, int BatchEventsMax)
{
    /// <summary>Told of every committed batch.</summary>
    public FloodWatch? Floods { get; init; }
}
