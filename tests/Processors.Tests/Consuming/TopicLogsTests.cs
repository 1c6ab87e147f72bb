using Confluent.Kafka;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Tests.Consuming;

public sealed class TopicLogsTests
{
    static IAdminClient Admin(string servers) => new AdminClientBuilder(new AdminClientConfig { BootstrapServers = servers }).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();

    [Fact]
    public async Task Callers_that_come_meanwhile_share_the_next_question()
    {
        await using var topic = await TestTopic.CreateAsync($"logs-share-{Environment.ProcessId}", 1);
        using var admin = Admin(TestServers.Kafka);
        var logs = new TopicLogs(admin, new TopicDescriber(() => admin, TimeProvider.System), Breaker.NeverOpen(Dependencies.Kafka), TimeProvider.System);
        var first = logs.ReadIdAsync(topic.Name);
        var others = Enumerable.Range(0, 100).Select(_ => logs.ReadIdAsync(topic.Name)).ToList();
        // Asked after the call: none of them may take the answer to the first question, and all take the same.
        Assert.All(others, o => Assert.NotSame(first, o));
        Assert.All(others, o => Assert.Same(others[0], o));
        Assert.Single((await Task.WhenAll([first, .. others])).Distinct());
        var later = logs.ReadIdAsync(topic.Name);
        Assert.NotSame(others[0], later);
        Assert.Equal(await first, await later);
    }

    [Fact]
    public async Task A_topic_made_anew_has_another_id_at_once()
    {
        TestServers.NeedsRealKafka("deleting a topic");
        await using var topic = await TestTopic.CreateAsync($"logs-anew-{Environment.ProcessId}", 2);
        using var admin = Admin(TestServers.Kafka);
        var logs = new TopicLogs(admin, new TopicDescriber(() => admin, TimeProvider.System), Breaker.NeverOpen(Dependencies.Kafka), TimeProvider.System);
        var before = await logs.ReadIdAsync(topic.Name);
        await topic.MakeAnewAsync();
        Assert.NotEqual(before, await logs.ReadIdAsync(topic.Name));
    }

    [Fact]
    public async Task The_extent_is_what_the_log_holds_now()
    {
        TestServers.NeedsRealKafka("removing records");
        await using var topic = await TestTopic.CreateAsync($"logs-extent-{Environment.ProcessId}", 2);
        using var admin = Admin(TestServers.Kafka);
        var logs = new TopicLogs(admin, new TopicDescriber(() => admin, TimeProvider.System), Breaker.NeverOpen(Dependencies.Kafka), TimeProvider.System);
        var place = new TopicPartition(topic.Name, 1);
        Assert.Equal(new LogExtent(0, 0), await logs.ReadExtentAsync(place));
        await topic.PublishAsync(Enumerable.Range(0, 5).Select(i => new TopicRecord([1], [(byte)i], 1)));
        Assert.Equal(new LogExtent(0, 5), await logs.ReadExtentAsync(place));
        await topic.RemoveBeforeAsync([new(1, 3)]);
        Assert.Equal(new LogExtent(3, 5), await logs.ReadExtentAsync(place));
    }

    [Fact]
    public async Task A_client_that_destroyed_itself_is_replaced_with_the_next_question()
    {
        await using var topic = await TestTopic.CreateAsync($"logs-gone-{Environment.ProcessId}", 1);
        var gone = Admin(TestServers.Kafka);
        gone.Dispose();
        var clients = new Queue<IAdminClient>([gone, Admin(TestServers.Kafka)]);
        using var describer = new TopicDescriber(clients.Dequeue, TimeProvider.System);
        await Assert.ThrowsAsync<TopicUnavailableException>(() => describer.DescribeAsync([topic.Name], TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken));
        Assert.Single(await describer.DescribeAsync([topic.Name], TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_topic_or_a_broker_that_is_missing_is_unavailable_and_asked_again_later()
    {
        using (var admin = Admin(TestServers.Kafka))
        {
            var logs = new TopicLogs(admin, new TopicDescriber(() => admin, TimeProvider.System), Breaker.NeverOpen(Dependencies.Kafka), TimeProvider.System);
            var name = $"logs-missing-{Environment.ProcessId}";
            if (!TestServers.IsEmbedded)
            {
                await Assert.ThrowsAsync<TopicUnavailableException>(() => logs.ReadIdAsync(name));
                await using var topic = await TestTopic.CreateAsync(name, 1);
                Assert.NotEmpty(await logs.ReadIdAsync(name));
            }
        }
        using var away = Admin("127.0.0.1:1");
        var none = new TopicLogs(away, new TopicDescriber(() => away, TimeProvider.System), Breaker.NeverOpen(Dependencies.Kafka), TimeProvider.System);
        var asked = Enumerable.Range(0, 3).Select(_ => none.ReadIdAsync("any")).ToList();
        foreach (var question in asked)
            await Assert.ThrowsAsync<TopicUnavailableException>(() => question);
    }
}
