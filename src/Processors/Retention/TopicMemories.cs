using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Pipeline.Processors.Consuming;

namespace Pipeline.Processors.Retention;

/// <summary>Asks the events topics how long they keep records.</summary>
sealed class TopicMemories(IAdminClient admin, KafkaOptions kafka)
{
    static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    /// <exception cref="TopicUnavailableException">The cluster does not say: it is down, a topic is missing, the right is, or it is the embedded broker.</exception>
    public async Task<IReadOnlyList<TopicMemory>> ReadAsync(CancellationToken stop)
    {
        try
        {
            var topics = await admin.DescribeConfigsAsync(kafka.Events.Select(t => new ConfigResource { Type = ResourceType.Topic, Name = t.Name }),
                new DescribeConfigsOptions { RequestTimeout = Timeout }).WaitAsync(Timeout * 2, stop);
            return [.. topics.Select(Of)];
        }
        catch (DescribeConfigsException e)
        {
            throw new TopicUnavailableException(e.Results.Find(r => r.Error.IsError)?.Error.Reason ?? e.Message, e);
        }
        catch (Exception e) when (e is KafkaException or TimeoutException or ObjectDisposedException)
        {
            throw new TopicUnavailableException(e.Message, e);
        }
    }

    static TopicMemory Of(DescribeConfigsResult topic)
    {
        var entries = topic.Entries;
        var keeps = Milliseconds(entries, "retention.ms");
        // A topic that is only compacted deletes nothing by age; a century is for ever.
        var isEndless = keeps < 0 || (entries.TryGetValue("cleanup.policy", out var policy) && !policy.Value.Contains("delete", StringComparison.Ordinal));
        var longest = (long)TimeSpan.FromDays(36_500).TotalMilliseconds;
        return new TopicMemory(topic.ConfigResource.Name, isEndless || keeps > longest ? null : TimeSpan.FromMilliseconds(keeps),
            TimeSpan.FromMilliseconds(Math.Clamp(Milliseconds(entries, "segment.ms"), 0, longest)),
            entries.TryGetValue("message.timestamp.type", out var type) && type.Value == "LogAppendTime");
    }

    static long Milliseconds(Dictionary<string, ConfigEntryResult> entries, string name) =>
        entries.TryGetValue(name, out var entry) && long.TryParse(entry.Value, CultureInfo.InvariantCulture, out var ms) ? ms
            : throw new TopicUnavailableException($"the cluster does not say {name}");
}
