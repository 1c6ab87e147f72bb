using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Pipeline.Processors.Consuming;

namespace Pipeline.Processors.Retention;

/// <summary>Asks the events topics how long they keep records: those of this process's configuration, and others of which the store has open logs.</summary>
sealed class TopicMemories(IAdminClient admin, KafkaOptions kafka)
{
    static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    /// <summary>Whether this process consumes it.</summary>
    public bool IsConfigured(string topic) => kafka.Events.Any(t => t.Name == topic);

    /// <param name="stored">Topics of open logs. One that does not exist any more brings no copies, and is left out.</param>
    /// <exception cref="TopicUnavailableException">The cluster does not say: it is down, a configured topic is missing, the right is, or it is the embedded broker.</exception>
    public async Task<IReadOnlyList<TopicMemory>> ReadAsync(IEnumerable<string> stored, CancellationToken stop)
    {
        var configured = kafka.Events.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        try
        {
            var topics = await admin.DescribeConfigsAsync(configured.Union(stored).Select(t => new ConfigResource { Type = ResourceType.Topic, Name = t }),
                new DescribeConfigsOptions { RequestTimeout = Timeout }).WaitAsync(Timeout * 2, stop);
            return [.. topics.Select(t => Of(t.ConfigResource.Name, t.Entries))];
        }
        catch (DescribeConfigsException e) when (e.Results.TrueForAll(r => !r.Error.IsError || (r.Error.Code == ErrorCode.UnknownTopicOrPart && !configured.Contains(r.ConfigResource.Name))))
        {
            return [.. e.Results.Where(r => !r.Error.IsError).Select(t => Of(t.ConfigResource.Name, t.Entries))];
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

    static TopicMemory Of(string topic, Dictionary<string, ConfigEntryResult> entries)
    {
        var keeps = Milliseconds(entries, "retention.ms");
        // A topic that is only compacted deletes nothing by age; a century is for ever.
        var isEndless = keeps < 0 || (entries.TryGetValue("cleanup.policy", out var policy) && !policy.Value.Contains("delete", StringComparison.Ordinal));
        var longest = (long)TimeSpan.FromDays(36_500).TotalMilliseconds;
        return new TopicMemory(topic, isEndless || keeps > longest ? null : TimeSpan.FromMilliseconds(keeps),
            TimeSpan.FromMilliseconds(Math.Clamp(Milliseconds(entries, "segment.ms"), 0, longest)),
            entries.TryGetValue("message.timestamp.type", out var type) && type.Value == "LogAppendTime");
    }

    static long Milliseconds(Dictionary<string, ConfigEntryResult> entries, string name) =>
        entries.TryGetValue(name, out var entry) && long.TryParse(entry.Value, CultureInfo.InvariantCulture, out var ms) ? ms
            : throw new TopicUnavailableException($"the cluster does not say {name}");
}
