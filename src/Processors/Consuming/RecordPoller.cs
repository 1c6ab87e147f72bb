using System.Collections.Concurrent;
using Confluent.Kafka;

namespace Pipeline.Processors.Consuming;

/// <summary>
/// The one thread that polls a road's consumer and does nothing else: it hands records to the partitions' queues and pauses what is full,
/// so that the group never waits for a store. Everything that changes the consumer runs here, between two polls.
/// </summary>
sealed class RecordPoller : IRecordSource, IDisposable
{
    static readonly TimeSpan PollTimeout = TimeSpan.FromMilliseconds(20);

    /// <summary>About five seconds of trying to seek; then the partition is acquired again.</summary>
    const int SeeksMax = 250;

    readonly IRoad _road;
    readonly Func<TopicPartition, RecordPoller, PartitionWorker> _newWorker;
    readonly ILogger _log;
    readonly IConsumer<byte[], byte[]> _consumer;
    readonly ConcurrentQueue<Action> _commands = new();
    readonly ConcurrentDictionary<TopicPartition, PartitionWorker> _workers = new();
    readonly ConcurrentDictionary<PartitionWorker, Task> _ending = new();
    readonly HashSet<TopicPartition> _unpaused = [];
    IReadOnlyList<PartitionWorker> _last = [];
    volatile GroupState _group = GroupState.Unknown;

    public RecordPoller(IRoad road, ConsumerConfig config, Func<TopicPartition, RecordPoller, PartitionWorker> newWorker, ProcessorMetrics metrics, ILogger log)
    {
        _road = road;
        _newWorker = newWorker;
        _log = log;
        _consumer = new ConsumerBuilder<byte[], byte[]>(config)
            .SetPartitionsAssignedHandler((_, assigned) => assigned.Select(Assign).ToList())
            .SetPartitionsRevokedHandler((_, revoked) => End(revoked))
            .SetPartitionsLostHandler((_, lost) => End(lost))
            .SetErrorHandler((_, error) =>
            {
                metrics.ClientError(_road.Name, error.Code.ToString());
                _log.ClientError(_road.Name, error.Code.ToString(), error.Reason);
            })
            .SetStatisticsHandler((_, statistics) => _group = GroupState.Read(statistics) ?? _group)
            .SetLogHandler((_, _) => { })
            .Build();
    }

    public IEnumerable<PartitionWorker> Workers => _workers.Values;

    public GroupState Group => _group;

    /// <summary>Polls until stopped, then gives every partition up. Runs on a thread of its own.</summary>
    public void Run(CancellationToken stop)
    {
        _consumer.Subscribe(_road.TopicNames);
        try
        {
            while (!stop.IsCancellationRequested)
            {
                while (_commands.TryDequeue(out var command))
                    command();
                Poll();
            }
        }
        finally
        {
            _last = [.. _workers.Values];
            End(_workers.Keys.Select(p => new TopicPartitionOffset(p, Offset.Unset)));
        }
    }

    /// <summary>Completes when every worker has ended. After it the consumer may be closed.</summary>
    public Task EndedAsync() => Task.WhenAll(_ending.Values);

    /// <summary>Commits how far each partition came and leaves the group at once, so that others take over without waiting for a timeout.</summary>
    public void Close()
    {
        foreach (var worker in _last)
            TryStore(worker, worker.NextOffset);
        _consumer.Close();
    }

    public void Start(PartitionWorker worker, long offset)
    {
        var attempt = worker.Attempt;
        _commands.Enqueue(() => TryStart(worker, offset, attempt, SeeksMax));
    }

    public void Suspend(PartitionWorker worker) => _commands.Enqueue(() =>
    {
        if (IsCurrent(worker))
            Pause(worker);
    });

    public void Resume(PartitionWorker worker) => _commands.Enqueue(() =>
    {
        if (IsCurrent(worker) && worker.Started && _unpaused.Add(worker.Partition))
            _consumer.Resume([worker.Partition]);
    });

    /// <summary>The client commits it to Kafka every second.</summary>
    public void Store(PartitionWorker worker, long nextOffset) => _commands.Enqueue(() =>
    {
        if (IsCurrent(worker))
            TryStore(worker, nextOffset);
    });

    void TryStore(PartitionWorker worker, long nextOffset)
    {
        try
        {
            _consumer.StoreOffset(new TopicPartitionOffset(worker.Partition, nextOffset));
        }
        catch (KafkaException)
        {
            // Revoked meanwhile. For events-postgres the offset is information only; events-influx writes the stretch once more.
        }
    }

    /// <summary>The offset that the group committed last, or null. Waits for the coordinator; not for the poll thread.</summary>
    public Task<long?> CommittedAsync(TopicPartition partition, CancellationToken stop) => Task.Run<long?>(() =>
    {
        var committed = _consumer.Committed([partition], TimeSpan.FromSeconds(10));
        return committed.Count == 1 && committed[0].Offset.Value >= 0 ? committed[0].Offset.Value : null;
    }, stop);

    void Poll()
    {
        try
        {
            var record = _consumer.Consume(PollTimeout);
            if (record is null || !_workers.TryGetValue(record.TopicPartition, out var worker) || !worker.Started)
                return;
            if (worker.Queue.Add(record) && _unpaused.Remove(worker.Partition))
                _consumer.Pause([worker.Partition]);
        }
        catch (ConsumeException e) when (!e.Error.IsFatal)
        {
            if (e.ConsumerRecord?.TopicPartition is { } unasked && _workers.TryGetValue(unasked, out var waiting) && !waiting.Started)
            {
                // What the group committed last is nothing or no longer in the log; the worker brings the offset that counts.
                waiting.Unreadable = true;
                return;
            }
            _log.ConsumeError(_road.Name, e.ConsumerRecord?.TopicPartition?.ToString() ?? "-", e.Error.Code.ToString(), e.Error.Reason);
            // The offset is outside the log, or the partition cannot be read: acquiring it again finds out which and says so.
            if (e.ConsumerRecord?.TopicPartition is { } partition && _workers.TryGetValue(partition, out var worker))
                Halt(worker);
        }
    }

    TopicPartitionOffset Assign(TopicPartition partition)
    {
        var worker = _newWorker(partition, this);
        _workers[partition] = worker;
        // Nothing is read before the log is acquired: the partition waits, paused after this callback. It waits where the group stopped and not
        // at a logical offset: when the answer to such a query comes after a seek, librdkafka asks once more and jumps there, over unread records.
        _unpaused.Add(partition);
        _commands.Enqueue(() =>
        {
            if (IsCurrent(worker) && !worker.Started && _unpaused.Remove(partition))
                _consumer.Pause([partition]);
        });
        worker.Begin();
        return new TopicPartitionOffset(partition, Offset.Unset);
    }

    void TryStart(PartitionWorker worker, long offset, int attempt, int seeksLeft)
    {
        if (!IsCurrent(worker) || worker.Attempt != attempt)
            return;
        try
        {
            var from = new TopicPartitionOffset(worker.Partition, offset);
            if (worker.Unreadable)
                Reassign(from);
            else
                _consumer.Seek(from);
        }
        catch (KafkaException e)
        {
            // The client cannot seek before the assignment has reached its fetcher.
            _log.SeekLater(_road.Name, worker.Partition.ToString(), e.Error.Reason);
            if (seeksLeft == 0)
                worker.Queue.Break();
            else
                _ = Task.Delay(PollTimeout).ContinueWith(_ => _commands.Enqueue(() => TryStart(worker, offset, attempt, seeksLeft - 1)), TaskScheduler.Default);
            return;
        }
        worker.Unreadable = false;
        worker.Queue.Restart(offset);
        worker.Started = true;
        worker.NoteRunning();
        // Never a partition that runs: resuming it makes the client forget what it has fetched and start again from its last seek.
        if (_unpaused.Add(worker.Partition))
            _consumer.Resume([worker.Partition]);
    }

    /// <summary>After an offset outside the log the client's fetcher of the partition has ended; it refuses to seek, so it is made anew.</summary>
    void Reassign(TopicPartitionOffset from)
    {
        if (_consumer.Assignment.Contains(from.TopicPartition))
            _consumer.IncrementalUnassign([from.TopicPartition]);
        _consumer.IncrementalAssign([from]);
    }

    void Halt(PartitionWorker worker)
    {
        worker.Unreadable = true;
        worker.Queue.Break();
        Pause(worker);
    }

    void Pause(PartitionWorker worker)
    {
        worker.Started = false;
        if (_unpaused.Remove(worker.Partition))
            _consumer.Pause([worker.Partition]);
    }

    void End(IEnumerable<TopicPartitionOffset> partitions)
    {
        foreach (var partition in partitions)
        {
            if (!_workers.TryRemove(partition.TopicPartition, out var worker))
                continue;
            _unpaused.Remove(partition.TopicPartition);
            var ended = worker.EndAsync();
            _ending[worker] = ended;
            ended.ContinueWith(_ => _ending.TryRemove(worker, out Task? _), TaskScheduler.Default);
        }
    }

    bool IsCurrent(PartitionWorker worker) => _workers.TryGetValue(worker.Partition, out var current) && ReferenceEquals(current, worker);

    public void Dispose() => _consumer.Dispose();
}
