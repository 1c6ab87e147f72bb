using Confluent.Kafka;

namespace Pipeline.Processors.Failures;

/// <summary>
/// Records that made a processor throw become dead letters, one by one. Where many do, the fault is the processor's: it stops rather than pour a topic
/// into the dead letters. Counts what was noted within the last minute.
/// </summary>
sealed class FailureLimit(int max, TimeProvider clock)
{
    static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    readonly Lock _sync = new();
    readonly Queue<(long At, TopicPartitionOffset Record)> _noted = new();
    readonly HashSet<TopicPartitionOffset> _records = [];

    /// <param name="record">Counted once, however often it is read again because its batch could not be stored.</param>
    /// <exception cref="ProcessorFaultyException">More than the limit were noted within a minute, this one included.</exception>
    public void Note(TopicPartitionOffset record, Exception cause)
    {
        lock (_sync)
        {
            while (_noted.TryPeek(out var oldest) && clock.GetElapsedTime(oldest.At) > Window)
                _records.Remove(_noted.Dequeue().Record);
            if (!_records.Add(record))
                return;
            if (_noted.Count >= max)
                throw new ProcessorFaultyException($"more than {max} records failed within a minute; the last with: {cause.Message}", cause);
            _noted.Enqueue((clock.GetTimestamp(), record));
        }
    }
}

/// <summary>Too many records failed for it to be their fault: the process stops, and nothing of the batch counts.</summary>
public sealed class ProcessorFaultyException(string message, Exception inner) : Exception(message, inner);
