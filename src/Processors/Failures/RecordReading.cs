using System.Collections.Concurrent;
using Confluent.Kafka;
using Pipeline.Processors.Consuming;

namespace Pipeline.Processors.Failures;

/// <summary>
/// What is kept around code that reads records, which may throw, hang or end the process. One for the whole process, because what one
/// road reads can end all of them.
/// </summary>
sealed class RecordReading(Turns turns, ProcessingDeadline deadline, FailureLimit failures)
{
    readonly ConcurrentDictionary<TopicPartition, bool> _suspected = new(), _guilty = new();

    /// <summary>Says whether a record of this partition is looked for that ends processes.</summary>
    public void Suspect(TopicPartition partition, bool suspected)
    {
        if (suspected)
            _suspected[partition] = true;
        else if (_suspected.TryRemove(partition, out _) && _suspected.IsEmpty)
            _guilty.Clear();
    }

    public bool IsSuspected(TopicPartition partition) => _suspected.ContainsKey(partition);

    /// <summary>A record of this partition has ended processes, and is not read again.</summary>
    public void Found(TopicPartition partition) => _guilty[partition] = true;

    /// <summary>Whether another partition explains the deaths.</summary>
    public bool FoundBeside(TopicPartition partition) => !_guilty.IsEmpty && !_guilty.ContainsKey(partition);

    /// <summary>
    /// Keeps every other reader of the process waiting until it is disposed. Only so a death of the process speaks against the one record that is
    /// being read alone, and never against another partition's.
    /// </summary>
    public Task<Turns.Turn> AloneAsync(CancellationToken stop) => turns.TakeAsync(alone: true, stop);

    /// <summary>Reads among others, under the deadline.</summary>
    public async Task<T> TogetherAsync<T>(string what, Func<T> read, CancellationToken stop)
    {
        using (await turns.TakeAsync(alone: false, stop))
            return WithinDeadline(what, read);
    }

    /// <summary>Reads under the deadline; the caller has its turn.</summary>
    public T WithinDeadline<T>(string what, Func<T> read)
    {
        using (deadline.Start(what))
            return read();
    }

    /// <summary>Whether a record that threw may become a dead letter.</summary>
    /// <exception cref="ProcessorFaultyException">Too many did.</exception>
    public void Threw(TopicPartitionOffset record, Exception cause)
    {
        // A record that takes all memory is not done with by leaving it: whatever runs beside it may be hit as well.
        if (cause is OutOfMemoryException)
            ProcessingDeadline.EndProcess(cause.Message);
        failures.Note(record, cause);
    }
}
