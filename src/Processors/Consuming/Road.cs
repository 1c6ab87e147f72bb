using Confluent.Kafka;

namespace Pipeline.Processors.Consuming;

/// <summary>A partition's records in offset order, and where the log went on.</summary>
/// <param name="From">First offset of the stretch: where the last batch ended.</param>
/// <param name="Next">One past the last offset of the stretch, which may lie beyond the last record where offsets hold none.</param>
public sealed record RecordBatch(IReadOnlyList<ConsumeResult<byte[], byte[]>> Records, long From, long Next)
{
    /// <summary>Whether offsets of the stretch hold no record: markers of transactions, or records that are gone.</summary>
    public bool HasGaps => Next - From != Records.Count;

    /// <summary>The first record with the offsets before it, and what comes behind it.</summary>
    public (RecordBatch First, RecordBatch Others) SplitFirst()
    {
        // A view of the same records: a stretch that is read one by one would be copied for each of them.
        var records = Records as ArraySegment<ConsumeResult<byte[], byte[]>>? ?? new([.. Records]);
        var next = records.Count > 1 ? records[0].Offset.Value + 1 : Next;
        return (new RecordBatch(records[..1], From, next), new RecordBatch(records[1..], next, Next));
    }
}

/// <summary>Where a partition's records come from: Kafka's poll thread, or the simulator's log. No call waits.</summary>
interface IRecordSource
{
    /// <summary>Consumes the partition from this offset on, into its worker's queue. Asked for by the worker after it acquired the log.</summary>
    void Start(PartitionWorker worker, long offset);

    /// <summary>Reads no further until the partition is started again: what waits for its store or an operator waits in the log.</summary>
    void Suspend(PartitionWorker worker);

    /// <summary>Lets a partition that was paused because its queue was full go on.</summary>
    void Resume(PartitionWorker worker);

    /// <summary>Notes how far the partition is processed.</summary>
    void Store(PartitionWorker worker, long nextOffset);
}

/// <summary>Which log stands behind a topic's name, and what it holds: Kafka's word, or the simulator's.</summary>
interface ITopicLogs
{
    /// <summary>The topic's id by a question that is asked after this call.</summary>
    /// <exception cref="TopicUnavailableException">The cluster does not say.</exception>
    Task<string> ReadIdAsync(string topic);

    /// <inheritdoc cref="ReadIdAsync"/>
    Task<Sinks.Postgres.LogExtent> ReadExtentAsync(TopicPartition partition);
}

/// <summary>What happens with the records of a topic's partitions. One road is one consumer group.</summary>
public interface IRoad
{
    /// <summary>The role, the name of the group without its prefix, and the label of its metrics.</summary>
    string Name { get; }

    IReadOnlyList<string> TopicNames { get; }

    /// <summary>How long a batch that is not full waits for more records; null where that is the settings' affair.</summary>
    TimeSpan? Linger => null;

    /// <summary>Batches of this road that are under way at a time; null where that is the settings' affair.</summary>
    int? ConcurrentBatchesMax => null;

    IPartitionRoad Open(TopicPartition partition);
}

/// <summary>What is out of the ordinary about one partition, counted since it was assigned; shown in /health beside the metrics of the whole process.</summary>
/// <param name="DeadLetters">Records that became dead letters.</param>
/// <param name="Duplicates">Records whose event was stored already: a client's retry, a redelivery, a replayed stretch.</param>
/// <param name="HandedOver">Failed records given to RabbitMQ, to be tried again.</param>
/// <param name="HalvedWrites">Writes that the store refused as a whole and that were cut in two.</param>
/// <param name="LostOffsets">Offsets that left the log before this road had read them.</param>
/// <param name="UntrustedHeaders">Records whose <c>ingest</c> header was ignored, because their topic's headers are not trusted.</param>
/// <remarks>Replaced as a whole by the partition's worker alone, so that another thread never reads half of it.</remarks>
public sealed record PartitionCounts(long DeadLetters = 0, long Duplicates = 0, long HandedOver = 0, long HalvedWrites = 0, long LostOffsets = 0, long UntrustedHeaders = 0)
{
    public static readonly PartitionCounts None = new();

    public static PartitionCounts operator +(PartitionCounts a, PartitionCounts b) => new(a.DeadLetters + b.DeadLetters, a.Duplicates + b.Duplicates, a.HandedOver + b.HandedOver,
        a.HalvedWrites + b.HalvedWrites, a.LostOffsets + b.LostOffsets, a.UntrustedHeaders + b.UntrustedHeaders);
}

/// <summary>
/// One partition while it is assigned to this process. Calls come one at a time, never from the poll thread. Every method may wait for
/// its store; the partition is paused meanwhile if its queue fills.
/// </summary>
public interface IPartitionRoad : IAsyncDisposable
{
    /// <summary>Becomes the owner and says from which offset to consume. Called again after every failure.</summary>
    /// <exception cref="Sinks.Postgres.LogMismatchException">The partition stops until an operator decides.</exception>
    Task<long> AcquireAsync(CancellationToken stop);

    /// <summary>
    /// Returns the offset up to which every offset of the batch has its outcome recorded for good: only then may the next batch come. If that is
    /// less than the batch's end, the rest is consumed again. After an exception the partition is acquired again and consumed from the
    /// offset that then holds.
    /// </summary>
    Task<long> ProcessAsync(RecordBatch batch, CancellationToken stop);

    /// <summary>What happened since this partition was assigned that an operator should see.</summary>
    PartitionCounts Counts { get; }

    /// <summary>Tells the next owner that this one ends in order.</summary>
    Task ReleaseAsync(CancellationToken stop);
}
