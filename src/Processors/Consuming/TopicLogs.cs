using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Consuming;

/// <summary>The topic does not exist now, or the cluster does not say.</summary>
public sealed class TopicUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// Which log stands behind a topic's name. A topic that was deleted and made again has another id, and its offsets mean other records.
/// </summary>
sealed class TopicLogs(IAdminClient admin, TopicDescriber describer, Breaker breaker, TimeProvider clock) : ITopicLogs
{
    static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    readonly Lock _sync = new();
    readonly Dictionary<string, (Task<string> Running, Task<string>? Waiting)> _reads = [];

    /// <summary>
    /// The topic's id by a question that is asked after this call. Callers that come while one is under way share the next one, so that
    /// any number of partitions costs one metadata request at a time.
    /// </summary>
    public Task<string> ReadIdAsync(string topic)
    {
        lock (_sync)
        {
            if (!_reads.TryGetValue(topic, out var reads) || reads.Running.IsCompleted && (reads.Waiting is null || reads.Waiting.IsCompleted))
                reads = (AskIdAsync(topic), null);
            else
                reads.Waiting ??= AfterAsync(reads.Running, topic);
            _reads[topic] = reads;
            return reads.Waiting ?? reads.Running;
        }
    }

    async Task<string> AfterAsync(Task<string> running, string topic)
    {
        // Never within the caller's lock, even if what is under way has ended by now.
        await Task.Yield();
        await running.ContinueWith(_ => { }, TaskScheduler.Default);
        Task<string> asked;
        lock (_sync)
        {
            asked = AskIdAsync(topic);
            _reads[topic] = (asked, null);
        }
        return await asked;
    }

    public Task<LogExtent> ReadExtentAsync(TopicPartition partition) => breaker.RunAsync(_ => AskExtentAsync(partition), CancellationToken.None);

    async Task<LogExtent> AskExtentAsync(TopicPartition partition)
    {
        try
        {
            var start = await AskOffsetAsync(partition, OffsetSpec.Earliest());
            var end = await AskOffsetAsync(partition, OffsetSpec.Latest());
            return new LogExtent(start, end);
        }
        catch (Exception e) when (e is KafkaException or TimeoutException)
        {
            // The client remembers each partition's leader, and asks one that is no longer it again and again, until something brings it newer metadata.
            await Task.Run(RefreshLeaders);
            throw new TopicUnavailableException($"{partition.Topic}[{partition.Partition.Value}]: {Reason(e)}", e);
        }
    }

    void RefreshLeaders()
    {
        try
        {
            admin.GetMetadata(Timeout);
        }
        catch (KafkaException)
        {
            // The cluster does not answer; the next failure asks again.
        }
    }

    static string Reason(Exception e) => e is ListOffsetsException { Result.ResultInfos: [var partition, ..] } ? partition.TopicPartitionOffsetError.Error.Reason : e.Message;

    async Task<long> AskOffsetAsync(TopicPartition partition, OffsetSpec spec)
    {
        var answer = await admin.ListOffsetsAsync([new TopicPartitionOffsetSpec { TopicPartition = partition, OffsetSpec = spec }],
            new ListOffsetsOptions { RequestTimeout = Timeout, IsolationLevel = IsolationLevel.ReadUncommitted }).WaitAsync(Timeout * 2, clock);
        return answer.ResultInfos[0].TopicPartitionOffsetError.Offset;
    }

    Task<string> AskIdAsync(string topic) => breaker.RunAsync(_ => DescribeAsync(topic), CancellationToken.None);

    async Task<string> DescribeAsync(string topic)
    {
        try
        {
            return (await describer.DescribeAsync([topic], Timeout, CancellationToken.None))[0].TopicId.ToString();
        }
        catch (KafkaException e)
        {
            throw new TopicUnavailableException($"{topic}: {e.Message}", e);
        }
    }
}
