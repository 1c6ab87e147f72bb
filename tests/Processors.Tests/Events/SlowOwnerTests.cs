using System.Diagnostics.Metrics;
using Confluent.Kafka;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Events;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;
using Pipeline.Sinks.Tests.Postgres;

namespace Pipeline.Processors.Tests.Events;

/// <summary>
/// An owner that stood still between asking which log the topic's is and taking it over: the topic was made anew meanwhile, and another owner has the
/// new log. Found by the simulator (seed 467135820): the old log took the new one's place, whose events then nobody could store.
/// </summary>
public sealed class SlowOwnerTests
{
    static readonly TopicPartition Place = new("efficiency.events", 0);

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_owner_that_still_holds_the_deleted_log_does_not_close_the_new_one()
    {
        await using var store = await Store.MigratedAsync();
        await store.Writer().AcquireAsync(Store.Log(topicId: "new"), new LogExtent(0, 10), Stop);
        await using var slow = Road(store, "old", "old", "new");
        Assert.Contains("made anew just now", (await Assert.ThrowsAsync<TopicUnavailableException>(() => slow.AcquireAsync(Stop))).Message, StringComparison.Ordinal);
        Assert.Equal(["new open"], await LogsAsync(store));
    }

    [Fact]
    public async Task The_log_that_is_the_topics_now_takes_the_place_of_the_older_one()
    {
        await using var store = await Store.MigratedAsync();
        await store.Writer().AcquireAsync(Store.Log(topicId: "old"), new LogExtent(0, 10), Stop);
        await using var road = Road(store, "new", "new", "new");
        Assert.Equal(0, await road.AcquireAsync(Stop));
        Assert.Equal(["new open", "old closed"], await LogsAsync(store));
    }

    static Task<List<string>> LogsAsync(Store store) =>
        store.Database.RowsAsync("SELECT topic_id || CASE WHEN closed_at IS NULL THEN ' open' ELSE ' closed' END FROM rev_1.offsets ORDER BY 1", r => r.GetString(0));

    static IPartitionRoad Road(Store store, params string[] ids)
    {
        var metrics = new ProcessorMetrics(new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>(), TimeProvider.System);
        var settings = new EventsPostgresSettings(new Breaker(Dependencies.Postgres, new BreakerOptions(), TimeProvider.System, metrics, NullLogger.Instance),
            Records.Reading(), metrics, TimeProvider.System, NullLogger.Instance, 1_000);
        return new EventsPostgresRoad(new KafkaOptions { EventTopics = [new TopicOptions { Name = Place.Topic }] }, new Answers(ids),
            _ => new PostgresEventStore(store.Sessions, new LogOwnership(new OwnershipRules("slow", AcceptNewLogs: true, "tenant"))), settings).Open(Place);
    }

    /// <summary>What the cluster says, one answer after the other.</summary>
    sealed class Answers(string[] ids) : ITopicLogs
    {
        int _next;

        public Task<string> ReadIdAsync(string topic) => Task.FromResult(ids[_next++]);

        public Task<LogExtent> ReadExtentAsync(TopicPartition partition) => Task.FromResult(new LogExtent(0, 10));
    }
}
