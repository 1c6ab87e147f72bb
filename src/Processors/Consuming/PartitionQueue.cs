using Confluent.Kafka;

namespace Pipeline.Processors.Consuming;

/// <summary>
/// The records between the poll thread and a partition's worker. Adding never blocks; above the high mark the poll thread pauses the
/// partition, below half of it the worker asks for more. One producer, one consumer.
/// </summary>
sealed class PartitionQueue(int recordsMax, long bytesMax, TimeProvider clock)
{
    /// <summary>Key, headers and the objects around a record, roughly, on top of its value.</summary>
    const int RecordOverheadBytes = 700;

    readonly Lock _sync = new();
    readonly Queue<ConsumeResult<byte[], byte[]>> _records = new();
    TaskCompletionSource _changed = NewSignal();
    long _bytes;
    long _position;
    long _end;
    bool _open;
    bool _broken;

    /// <summary>Empties the queue and keeps it empty: what still comes belongs to a stretch that is acquired again.</summary>
    public void Suspend()
    {
        lock (_sync)
        {
            _records.Clear();
            _bytes = 0;
            _open = _broken = false;
        }
    }

    /// <summary>Opens the queue; the next record is expected at or after <paramref name="position"/>.</summary>
    public void Restart(long position)
    {
        lock (_sync)
        {
            _records.Clear();
            _bytes = 0;
            _position = _end = position;
            _open = true;
            _broken = false;
        }
    }

    /// <returns>True when the queue is above its high mark and the partition is to be paused.</returns>
    public bool Add(ConsumeResult<byte[], byte[]> record)
    {
        lock (_sync)
        {
            if (!_open)
                return false;
            if (record.IsPartitionEOF)
            {
                _end = Math.Max(_end, record.Offset);
            }
            else if (record.Offset >= _end)
            {
                _records.Enqueue(record);
                _bytes += Size(record);
                _end = record.Offset + 1;
            }
            _changed.TrySetResult();
            return _records.Count >= recordsMax || _bytes >= bytesMax;
        }
    }

    /// <summary>The log cannot be read on from here: the worker is to acquire it again.</summary>
    public void Break()
    {
        lock (_sync)
        {
            _broken = true;
            _changed.TrySetResult();
        }
    }

    public bool BelowLowMark
    {
        get
        {
            lock (_sync)
                return _records.Count <= recordsMax / 2 && _bytes <= bytesMax / 2;
        }
    }

    /// <summary>The broker's time of the record that waits longest, in unix ms; null when none does.</summary>
    public long? OldestMs
    {
        get
        {
            lock (_sync)
                return _records.TryPeek(out var oldest) ? oldest.Message.Timestamp.UnixTimestampMs : null;
        }
    }

    public int Count
    {
        get
        {
            lock (_sync)
                return _records.Count;
        }
    }

    /// <summary>Waits until offsets are there to be processed, then up to <paramref name="linger"/> for a batch to fill.</summary>
    /// <exception cref="TopicUnavailableException">The partition has to be acquired again.</exception>
    public async Task FilledAsync(int batchRecordsMax, long batchBytesMax, TimeSpan linger, CancellationToken stop)
    {
        var lingerEnds = long.MaxValue;
        while (true)
        {
            TaskCompletionSource changed;
            lock (_sync)
            {
                ThrowIfBroken();
                if (_open && _end > _position)
                {
                    if (lingerEnds == long.MaxValue)
                        lingerEnds = clock.GetTimestamp() + (long)(linger.TotalSeconds * clock.TimestampFrequency);
                    if (_records.Count >= batchRecordsMax || _bytes >= batchBytesMax || clock.GetTimestamp() >= lingerEnds)
                        return;
                }
                if (_changed.Task.IsCompleted)
                    _changed = NewSignal();
                changed = _changed;
            }
            await WaitAsync(changed, lingerEnds, stop);
        }
    }

    /// <summary>The next stretch, as long as it may be. To be called after <see cref="FilledAsync"/>.</summary>
    /// <exception cref="TopicUnavailableException">The partition has to be acquired again.</exception>
    public RecordBatch Take(int batchRecordsMax, long batchBytesMax)
    {
        lock (_sync)
        {
            ThrowIfBroken();
            return Dequeue(batchRecordsMax, batchBytesMax);
        }
    }

    void ThrowIfBroken()
    {
        if (_broken)
            throw new TopicUnavailableException("the log cannot be read on from here");
    }

    async Task WaitAsync(TaskCompletionSource changed, long lingerEnds, CancellationToken stop)
    {
        if (lingerEnds == long.MaxValue)
        {
            // Not Task.WaitAsync: it passes through a thread of the pool, which the simulator does not order.
            using (stop.UnsafeRegister(static (changed, token) => ((TaskCompletionSource)changed!).TrySetCanceled(token), changed))
                await changed.Task;
            return;
        }
        var left = TimeSpan.FromSeconds(Math.Max(0, (lingerEnds - clock.GetTimestamp()) / (double)clock.TimestampFrequency));
        await Task.Delay(left + TimeSpan.FromMilliseconds(1), clock, stop);
    }

    RecordBatch Dequeue(int batchRecordsMax, long batchBytesMax)
    {
        var records = new List<ConsumeResult<byte[], byte[]>>(Math.Min(_records.Count, batchRecordsMax));
        long bytes = 0, from = _position;
        while (records.Count < batchRecordsMax && bytes < batchBytesMax && _records.TryDequeue(out var record))
        {
            records.Add(record);
            bytes += Size(record);
        }
        _bytes -= bytes;
        // Offsets after the last record belong to this batch only when no record waits behind them.
        _position = _records.Count == 0 ? _end : records[^1].Offset + 1;
        return new RecordBatch(records, from, _position);
    }

    static long Size(ConsumeResult<byte[], byte[]> record) => RecordOverheadBytes + (record.Message.Value?.Length ?? 0);

    static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
