using Confluent.Kafka;

namespace Pipeline.Processors.Consuming;

/// <param name="Offset">From where to consume.</param>
/// <param name="End">The log's end when it was asked.</param>
/// <param name="Lost">Offsets between the group's place and the log's start.</param>
readonly record struct FoundPlace(string TopicId, long Offset, long End, long Lost);

/// <summary>
/// Where a road goes on whose offsets live in Kafka: where its group stopped, or at the log's start where it never was. A place that is no longer in the log is named and counted.
/// </summary>
/// <param name="committed">Where the group stopped.</param>
/// <param name="noteLost">Told of such a place: the partition, the place, and what the log holds.</param>
sealed class CommittedPlace(ITopicLogs logs, Func<TopicPartition, CancellationToken, Task<long?>> committed, Action<TopicPartition, long, Sinks.Postgres.LogExtent> noteLost)
{
    public async Task<FoundPlace> FindAsync(TopicPartition partition, CancellationToken stop)
    {
        var topicId = await logs.ReadIdAsync(partition.Topic);
        var extent = await logs.ReadExtentAsync(partition);
        var stored = await committed(partition, stop);
        if (stored is not { } offset)
            return new FoundPlace(topicId, extent.Start, extent.End, 0);
        if (offset >= extent.Start && offset <= extent.End)
            return new FoundPlace(topicId, offset, extent.End, 0);
        // Of another log nobody can count what is missing.
        noteLost(partition, offset, extent);
        return new FoundPlace(topicId, extent.Start, extent.End, Math.Max(0, extent.Start - offset));
    }
}
