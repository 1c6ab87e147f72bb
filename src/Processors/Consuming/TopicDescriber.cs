using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace Pipeline.Processors.Consuming;

/// <summary>
/// Asks what a topic is. Where a partition has no replica in sync (all brokers died, the first is back), Confluent.Kafka 2.15 reads a list that is not
/// there, and its admin client destroys itself for good, under the feet of whoever is calling it. So these questions have a client of their own, come one at a
/// time, and a client that is gone is replaced.
/// </summary>
sealed class TopicDescriber(Func<IAdminClient> newClient, TimeProvider clock) : IDisposable
{
    readonly Turns _turns = new(1);
    IAdminClient? _client;

    /// <exception cref="KafkaException">The cluster does not say, or does not know a topic.</exception>
    /// <exception cref="TopicUnavailableException">The client is gone; the next question is another one's.</exception>
    public async Task<IReadOnlyList<TopicDescription>> DescribeAsync(IEnumerable<string> topics, TimeSpan timeout, CancellationToken stop)
    {
        using var turn = await _turns.TakeAsync(alone: false, stop);
        var client = _client ??= newClient();
        try
        {
            var answer = client.DescribeTopicsAsync(TopicCollection.OfTopicNames(topics), new DescribeTopicsOptions { RequestTimeout = timeout });
            // Longer than the client's own limit, within which it answers if it is still there.
            return (await answer.WaitAsync(timeout * 2, clock, stop)).TopicDescriptions;
        }
        catch (Exception e) when (e is ObjectDisposedException or TimeoutException)
        {
            _client = null;
            _ = Task.Run(client.Dispose, CancellationToken.None);
            throw new TopicUnavailableException($"the cluster's answer about {string.Join(", ", topics)} could not be read", e);
        }
    }

    public void Dispose() => _client?.Dispose();
}
