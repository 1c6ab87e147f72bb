using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Retention;

namespace Pipeline.Processors.Tests.Retention;

/// <summary>What is configured is held against what the topics say themselves.</summary>
public sealed class TopicMemoriesTests
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_topic_tells_how_long_it_keeps_records()
    {
        TestServers.NeedsRealKafka("settings of topics");
        using var admin = Admin();
        var prefix = $"memory-{Environment.ProcessId}-";
        await MakeAsync(admin, prefix + "month", ("retention.ms", "2592000000"), ("segment.ms", "3600000"), ("message.timestamp.type", "LogAppendTime"));
        await MakeAsync(admin, prefix + "ever", ("retention.ms", "-1"), ("message.timestamp.type", "CreateTime"));
        await MakeAsync(admin, prefix + "compacted", ("cleanup.policy", "compact"));
        await MakeAsync(admin, prefix + "century", ("retention.ms", "9000000000000000000"));
        try
        {
            var read = (await KnownAsync(() => ReadAsync(admin, "month", "ever", "compacted", "century"))).ToDictionary(t => t.Topic[prefix.Length..]);
            Assert.Equal(new TopicMemory(prefix + "month", TimeSpan.FromDays(30), TimeSpan.FromHours(1), true), read["month"]);
            Assert.Equal((null, false), (read["ever"].Retention, read["ever"].IsBrokersTime));
            Assert.Null(read["compacted"].Retention);
            Assert.Null(read["century"].Retention);
            await Assert.ThrowsAsync<TopicUnavailableException>(() => ReadAsync(admin, "month", "missing"));
            // Other processes consume a topic of which the store has open logs; it counts as well, and one that was deleted does not.
            var stored = await Memories(admin, "month").ReadAsync([prefix + "ever", prefix + "missing", prefix + "month"], Stop);
            Assert.Equal([prefix + "ever", prefix + "month"], stored.Select(t => t.Topic).Order(StringComparer.Ordinal));
        }
        finally
        {
            await admin.DeleteTopicsAsync([.. ((string[])["month", "ever", "compacted", "century"]).Select(n => prefix + n)]);
        }

        TopicMemories Memories(IAdminClient client, params string[] names) => new(client, new KafkaOptions { EventTopics = [.. names.Select(n => new TopicOptions { Name = prefix + n })] });

        Task<IReadOnlyList<TopicMemory>> ReadAsync(IAdminClient client, params string[] names) => Memories(client, names).ReadAsync([], Stop);
    }

    /// <summary>A topic is made before every broker knows it.</summary>
    static async Task<IReadOnlyList<TopicMemory>> KnownAsync(Func<Task<IReadOnlyList<TopicMemory>>> read) => (await Until.TrueAsync("the topics are known", TimeSpan.FromSeconds(30), async () =>
    {
        try
        {
            return await read();
        }
        catch (TopicUnavailableException)
        {
            return null;
        }
    }, found => found is not null))!;

    [Fact]
    public async Task A_processor_that_would_forget_ids_too_early_does_not_start()
    {
        TestServers.NeedsRealKafka("settings of topics");
        await using var topic = await TestTopic.CreateAsync($"forgetful-{Environment.ProcessId}", 1);
        await using var database = await TestDatabase.CreateAsync($"forgetful_{Environment.ProcessId}");
        Dictionary<string, string> settings = new()
        {
            ["Pipeline__Kafka__BootstrapServers"] = TestServers.Kafka,
            ["Pipeline__Kafka__EventTopics__0__Name"] = topic.Name,
            ["Pipeline__Kafka__GroupPrefix"] = topic.Name,
            ["Pipeline__Postgres__ConnectionString"] = database.Uri,
            ["Pipeline__Processors__Roles"] = "events-postgres",
            ["Pipeline__Retention__Ledger"] = "10.00:00:00",
        };
        await using var process = new HostProcess("Processors", settings);
        // The broker's default of seven days.
        Assert.Equal(1, await process.ExitAsync(TimeSpan.FromSeconds(90)));
        Assert.NotNull(process.Find($"Ledger is 10 days, but topic {topic.Name} keeps records for 7 days"));
    }

    static IAdminClient Admin() => new AdminClientBuilder(new AdminClientConfig { BootstrapServers = TestServers.Kafka }).SetLogHandler((_, _) => { }).Build();

    static Task MakeAsync(IAdminClient admin, string name, params (string Name, string Value)[] settings) =>
        admin.CreateTopicsAsync([new TopicSpecification { Name = name, NumPartitions = 1, ReplicationFactor = -1, Configs = settings.ToDictionary(s => s.Name, s => s.Value) }]);
}
