using System.Text;
using Pipeline.Pipeline.Tests.Harness;
using RabbitMQ.Client;

namespace Pipeline.Pipeline.Tests;

/// <summary>The ladder's first user: a processor whose records say how they fail (tests/FailingProcessor).</summary>
public sealed class FailingProcessorTests
{
    static readonly TimeSpan Within = TimeSpan.FromSeconds(60);

    static TopicRecord Record(string value, int partition = 0) => new("key"u8.ToArray(), Encoding.UTF8.GetBytes(value), partition, new Confluent.Kafka.Headers { { "ingest", "some"u8.ToArray() }, { "x", null! } });

    [Fact]
    public async Task Each_record_succeeds_or_ends_as_a_dead_letter_as_it_wishes()
    {
        await using var queues = RabbitQueues.Create();
        await using var pipeline = await PipelineUnderTest.CreateAsync(2);
        await pipeline.LaunchFailing(queues).ListeningAsync();
        string[] wishes =
        [
            "{}", """{"fail":"transient","times":3}""", """{"fail":"transient","times":4}""", """{"fail":"transient"}""", """{"fail":"throw","times":2}""", """{"fail":"throw"}""",
            """{"fail":"invalid"}""", "not json", """{"fail":"transient","times":1}""",
        ];
        await pipeline.Topic.PublishAsync(wishes.Select(w => Record(w)));

        await Until.TrueAsync("all have ended", Within, () => pipeline.FailingEndedAsync(), n => n == wishes.Length);
        await queues.EmptyAsync(Within);
        Assert.Equal([(0, 1), (1, 4), (2, 5), (3, 5), (4, 3), (5, 5), (6, 1), (7, 1), (8, 2)], await pipeline.Database.RowsAsync(
            "SELECT \"offset\"::int, count(*)::int FROM failing.attempts GROUP BY 1 ORDER BY 1", r => (r.GetInt32(0), r.GetInt32(1))));
        Assert.Equal([(0, 1), (1, 1), (2, 1), (4, 1), (8, 1)], await pipeline.Database.RowsAsync(
            "SELECT \"offset\"::int, executions FROM failing.successes ORDER BY 1", r => (r.GetInt32(0), r.GetInt32(1))));
        Assert.Equal(
        [
            $$"""3|retries_exhausted|transient|5|attempt 5 fails as told|failing:transient|key|{"fail":"transient"}|ingest,x|some""",
            $$"""5|retries_exhausted|transient|5|attempt 5 throws as told|failing:throw|key|{"fail":"throw"}|ingest,x|some""",
            $$"""6|invalid_value|invalid|1|invalid as told|invalid_value|key|{"fail":"invalid"}|ingest,x|some""",
        ], await pipeline.Database.RowsAsync($"""
            SELECT concat_ws('|', "offset", reason, kind, attempts, message, fingerprint, encode(key, 'escape'), encode(value, 'escape'), array_to_string(header_names, ','), encode(header_values[1], 'escape'))
            FROM pipeline.dead_letters WHERE consumer = 'failing' AND topic = '{pipeline.Topic.Name}' AND partition = 0 AND "offset" <> 7 AND published_at IS NOT NULL ORDER BY "offset"
            """, r => r.GetString(0)));
        Assert.Equal("malformed_json", await pipeline.Database.ValueAsync<string>("SELECT reason FROM pipeline.dead_letters WHERE \"offset\" = 7"));
    }

    [Theory]
    [InlineData("kill")]
    [InlineData("hang")]
    public async Task A_record_that_ends_every_process_is_a_dead_letter_and_the_others_are_done(string fail)
    {
        await using var queues = RabbitQueues.Create();
        await using var pipeline = await PipelineUnderTest.CreateAsync(2);
        await pipeline.Topic.PublishAsync(Enumerable.Range(0, 40).Select(i => Record(i == 20 ? $$"""{"fail":"{{fail}}"}""" : """{"fail":"transient","times":1}""", i % 2)));
        var lives = 0;
        var host = pipeline.LaunchFailing(queues, ("Pipeline__RabbitMq__DeliveryLimit", "2"), ("Pipeline__Processors__ProcessingDeadline", "00:00:02"));
        await Until.TrueAsync("all have ended", TimeSpan.FromSeconds(120), async () =>
        {
            if (host.HasExited && ++lives > 0)
                host = pipeline.LaunchFailing(queues, ("Pipeline__RabbitMq__DeliveryLimit", "2"), ("Pipeline__Processors__ProcessingDeadline", "00:00:02"));
            return await pipeline.FailingEndedAsync();
        }, n => n == 40);
        Seeds.Say($"{lives} processes ended");
        Assert.InRange(lives, 3, 6);
        Assert.Equal(["10|0|killed_processor|fatal|2"], await pipeline.Database.RowsAsync(
            "SELECT concat_ws('|', \"offset\", partition, reason, kind, attempts) FROM pipeline.dead_letters WHERE consumer = 'failing'", r => r.GetString(0)));
        await queues.EmptyAsync(Within);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task RabbitMQ_ends_in_the_middle_and_every_record_is_done_all_the_same(bool kill)
    {
        await using var rabbit = await OwnRabbit.StartAsync();
        await using var queues = RabbitQueues.Create(rabbit);
        await using var pipeline = await PipelineUnderTest.CreateAsync(2);
        await pipeline.LaunchFailing(queues).ListeningAsync();
        const int count = 3000;
        var loading = pipeline.Topic.PublishOverAsync([.. Enumerable.Range(0, count).Select(i => Record(i % 5 == 0 ? """{"fail":"transient","times":2}""" : "{}", i % 2))], TimeSpan.FromSeconds(15));
        await Until.TrueAsync("some retries are done", Within, () => pipeline.FailingEndedAsync(), n => n > 300);
        await (kill ? rabbit.KillAsync() : rabbit.StopAsync());
        await Until.TrueAsync("the partitions wait", TimeSpan.FromSeconds(30), async () => (await pipeline.Failing.PartitionsAsync("failing")).Any(p => p.State == "waiting"));
        await rabbit.StartAgainAsync();
        await loading;
        await Until.TrueAsync("all have ended", TimeSpan.FromSeconds(90), () => pipeline.FailingEndedAsync(), n => n == count);
        await queues.EmptyAsync(Within);
        Assert.Equal(count, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM failing.successes"));
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.dead_letters"));
        Seeds.Say($"executed more than once: {await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM failing.successes WHERE executions > 1")}");
    }

    [Fact]
    public async Task A_queue_of_another_type_keeps_the_host_from_starting_and_is_left_alone()
    {
        await using var queues = RabbitQueues.Create();
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        await queues.DoAsync(c => c.QueueDeclareAsync(queues.DeadLetters, durable: true, exclusive: false, autoDelete: false));
        var host = pipeline.LaunchFailing(queues);
        Assert.Equal(1, await host.ExitAsync(Within));
        Assert.Contains($"queue {queues.DeadLetters} exists already", host.Output, StringComparison.Ordinal);
        Assert.Contains("x-queue-type=quorum", host.Output, StringComparison.Ordinal);
        await queues.DoAsync(c => c.QueueDeclareAsync(queues.DeadLetters, durable: true, exclusive: false, autoDelete: false));
    }
}
