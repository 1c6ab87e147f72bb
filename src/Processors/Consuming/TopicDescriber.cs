using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace Pipeline.Processors.Consuming;

/// <summary>
/// Asks what a topic is. Where a partition has no replica in sync (all brokers died, the first is back), Confluent.Kafka 2.15 reads a list in the answer that
/// is not there; its admin client destroys itself for good, at times the process with it. So the plain metadata is looked at before, unless an answer has
/// come just now; and these questions have a client of their own, come one at a time, and a client that is gone is replaced.
/// </summary>
sealed class TopicDescriber(Func<IAdminClient> newClient, TimeProvider clock) : IDisposable
{
    /// <summary>In less time no broker dies and comes back.</summary>
    static readonly TimeSpan Trusted = TimeSpan.FromSeconds(1);

    readonly Turns _turns = new(1);
    IAdminClient? _client;
    long? _answeredAt;

    /// <exception cref="KafkaException">The cluster does not say, or does not know a topic.</exception>
    /// <exception cref="TopicUnavailableException">The client is gone; the next question is another one's.</exception>
    public async Task<IReadOnlyList<TopicDescription>> DescribeAsync(IEnumerable<string> topics, TimeSpan timeout, CancellationToken stop)
    {
        using var turn = await _turns.TakeAsync(alone: false, stop);
        var client = _client ??= newClient();
        try
        {
            if (_answeredAt is not { } at || clock.GetElapsedTime(at) > Trusted)
                await Task.Run(() => ThrowIfOutOfSync(client, topics, timeout), stop);
            _answeredAt = null;
            var answer = client.DescribeTopicsAsync(TopicCollection.OfTopicNames(topics), new DescribeTopicsOptions { RequestTimeout = timeout });
            // Longer than the client's own limit, within which it answers if it is still there.
            var descriptions = (await answer.WaitAsync(timeout * 2, clock, stop)).TopicDescriptions;
            _answeredAt = clock.GetTimestamp();
            return descriptions;
        }
        catch (Exception e) when (e is ObjectDisposedException or TimeoutException)
        {
            _client = null;
            if (IsAlive(client))
                _ = Task.Run(client.Dispose, CancellationToken.None);
            throw new TopicUnavailableException($"the cluster's answer about {string.Join(", ", topics)} could not be read", e);
        }
    }

    /// <summary>One that destroyed itself must not be disposed: what it had is freed already.</summary>
    static bool IsAlive(IAdminClient client)
    {
        try
        {
            return client.Name.Length > 0;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>By the metadata of all topics: asked for one by its name, a broker may make it.</summary>
    static void ThrowIfOutOfSync(IAdminClient client, IEnumerable<string> topics, TimeSpan timeout)
    {
        var names = topics.ToHashSet(StringComparer.Ordinal);
        foreach (var topic in client.GetMetadata(timeout).Topics.Where(t => names.Contains(t.Topic)))
            if (topic.Partitions.Find(p => p.InSyncReplicas is not { Length: > 0 }) is { } alone)
                throw new TopicUnavailableException($"{topic.Topic}[{alone.PartitionId}] has no replica in sync");
    }

    public void Dispose() => _client?.Dispose();
}
