using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Erasure;
using Pipeline.Processors.Failures.RabbitMq;
using Pipeline.Sinks.Postgres.Erasure;

namespace Pipeline.Processors.Tests.Erasure;

public sealed class ExpiriesTests
{
    static readonly DateTime Received = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    static readonly Dictionary<string, string> Usual = new()
    {
        ["cleanup.policy"] = "delete", ["retention.ms"] = "3600000", ["segment.ms"] = "600000", ["file.delete.delay.ms"] = "60000", ["message.timestamp.type"] = "LogAppendTime",
    };

    static Dictionary<string, string> With(string name, string value) => new(Usual) { [name] = value };

    [Fact]
    public void A_topics_records_are_gone_when_the_youngest_of_their_segment_is_past_its_retention()
    {
        var expiry = Expiries.OfTopic("t", Usual, Received);
        Assert.Equal(("kafka", "t", Received.AddMinutes(60 + 10 + 1)), (expiry.Store, expiry.Name, expiry.ExpiresBy));
        Assert.Contains("retention.ms 3600000", expiry.Note, StringComparison.Ordinal);
        Assert.DoesNotContain("producers", expiry.Note, StringComparison.Ordinal);
        Assert.Contains("producers", Expiries.OfTopic("t", With("message.timestamp.type", "CreateTime"), Received).Note, StringComparison.Ordinal);
        Assert.Equal(Received.AddMinutes(71), Expiries.OfTopic("t", With("cleanup.policy", "compact,delete"), Received).ExpiresBy);
    }

    [Theory]
    [InlineData("retention.ms", "-1")]
    [InlineData("retention.ms", "9223372036854775807")]
    [InlineData("segment.ms", "9223372036854775807")]
    [InlineData("cleanup.policy", "compact")]
    public void What_never_expires_says_so(string name, string value)
    {
        var expiry = Expiries.OfTopic("t", With(name, value), Received);
        Assert.Null(expiry.ExpiresBy);
        Assert.StartsWith("without limit", expiry.Note, StringComparison.Ordinal);
    }

    [Fact]
    public void A_broker_that_does_not_say_is_not_taken_for_one_that_keeps_nothing()
    {
        var expiry = Expiries.OfTopic("t", new Dictionary<string, string>(), Received);
        Assert.Null(expiry.ExpiresBy);
        Assert.StartsWith("not known", expiry.Note, StringComparison.Ordinal);
    }

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    static IAdminClient Admin(string servers) => new AdminClientBuilder(new AdminClientConfig { BootstrapServers = servers }).SetLogHandler((_, _) => { }).Build();

    static KafkaOptions Kafka(string name) =>
        new() { EventTopics = [new TopicOptions { Name = name }], RequestTopics = [new TopicOptions { Name = name + ".requests" }], ResultsTopic = name + ".results" };

    static async Task<List<ErasureExpiry>> ReadAsync(IAdminClient admin, string name) =>
        [.. await new Expiries(admin, Kafka(name), new RabbitMqOptions { Prefix = "t." }, TimeProvider.System).ReadAsync(Received, Stop)];

    static string FreshName() => $"expiries-{Guid.NewGuid():N}";

    /// <summary>Requests may name users, and so may their results; each topic has its own retention.</summary>
    [Fact]
    public async Task Topics_of_events_requests_and_results_are_named_with_the_time_when_each_expires()
    {
        TestServers.NeedsRealKafka("the retention of topics");
        var name = FreshName();
        using var admin = Admin(TestServers.Kafka);
        await using var events = await TestTopic.CreateAsync(name, 1);
        await using var requests = await TestTopic.CreateAsync(name + ".requests", 1);
        await using var results = await TestTopic.CreateAsync(name + ".results", 1);
        (TestTopic Topic, int Hours)[] kept = [(events, 5), (requests, 1), (results, 2)];
        await admin.IncrementalAlterConfigsAsync(kept.ToDictionary(k => new ConfigResource { Type = ResourceType.Topic, Name = k.Topic.Name }, k => new List<ConfigEntry>
        {
            Set("retention.ms", TimeSpan.FromHours(k.Hours)), Set("segment.ms", TimeSpan.FromMinutes(10)), Set("file.delete.delay.ms", TimeSpan.FromMinutes(1)),
        }));
        foreach (var (topic, hours) in kept)
            await Until.TrueAsync("the broker has the settings", TimeSpan.FromSeconds(20), async () => await topic.SettingMsAsync("retention.ms") == TimeSpan.FromHours(hours).TotalMilliseconds);

        var expiries = await ReadAsync(admin, name);
        Assert.Equal(kept.Select(k => (k.Topic.Name, (DateTime?)Received.AddHours(k.Hours).AddMinutes(11))), expiries.Where(e => e.Store == "kafka").OrderBy(e => e.Name, StringComparer.Ordinal).Select(e => (e.Name, e.ExpiresBy)));
        AssertQueues(expiries);

        static ConfigEntry Set(string setting, TimeSpan time) => new() { Name = setting, Value = $"{time.TotalMilliseconds}", IncrementalOperation = AlterConfigOpType.Set };
    }

    /// <summary>Not every installation analyses; but where events are consumed from, there is a topic.</summary>
    [Fact]
    public async Task A_topic_of_requests_that_does_not_exist_is_left_out_and_one_of_events_is_not()
    {
        TestServers.NeedsRealKafka("the retention of topics");
        var name = FreshName();
        using var admin = Admin(TestServers.Kafka);
        await using (await TestTopic.CreateAsync(name, 1))
        {
            var expiry = Assert.Single(await ReadAsync(admin, name), e => e.Store == "kafka");
            Assert.Equal((name, true), (expiry.Name, expiry.ExpiresBy > Received));
        }
        await Until.TrueAsync("the topic is gone", TimeSpan.FromSeconds(20), async () => (await ReadAsync(admin, name)).Find(e => e.Store == "kafka") is { ExpiresBy: null } gone
            && gone.Name == name && gone.Note.StartsWith("not known", StringComparison.Ordinal));
    }

    /// <summary>Else a receipt would say of requests that there is nothing to expire.</summary>
    [Fact]
    public async Task While_the_broker_is_away_every_topic_is_named_as_not_known_and_the_queues_are_named_all_the_same()
    {
        using var admin = Admin("127.0.0.1:1");
        var expiries = await ReadAsync(admin, "t").WaitAsync(TimeSpan.FromSeconds(30), Stop);
        var topics = expiries.Where(e => e.Store == "kafka").ToList();
        Assert.Equal(["t", "t.requests", "t.results"], topics.Select(t => t.Name));
        Assert.All(topics, t => Assert.Equal((null, true), (t.ExpiresBy, t.Note.StartsWith("not known", StringComparison.Ordinal))));
        AssertQueues(expiries);
    }

    /// <summary>By the delays of the default schedule, 1 s + 10 s + 1 min + 10 min, and by hand.</summary>
    static void AssertQueues(IEnumerable<ErasureExpiry> expiries)
    {
        (string, DateTime?, string)[] queues =
            [("queues of retries", Received.AddSeconds(671), "the delays of"), ("queues of long requests and of what is tried alone", null, "do not expire:"), ("t.dead-letters", null, "does not expire:")];
        Assert.Equal(queues, expiries.Where(e => e.Store == "rabbitmq").Select(e => (e.Name, e.ExpiresBy, string.Join(' ', e.Note.Split(' ').Take(3)))));
    }
}
