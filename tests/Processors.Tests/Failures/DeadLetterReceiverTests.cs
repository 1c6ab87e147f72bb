using RabbitMQ.Client;
using System.Text;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Failures;
using Pipeline.Processors.Failures.RabbitMq;
using Pipeline.Processors.Tests.Failures.RabbitMq;
using static Pipeline.Processors.Tests.Failures.FailedRecords;

namespace Pipeline.Processors.Tests.Failures;

public sealed class DeadLetterReceiverTests
{
    [Fact]
    public async Task A_letter_is_stored_once_with_everything_it_says_as_published()
    {
        await using var failures = await FailuresUnderTest.StartAsync();
        var letter = FailureMessage.Write(Record() with { Attempt = 5, Algorithm = "kmeans", AlgorithmVersion = "2" }, failures.Rabbit.Names.DeadLetters, dead: true);
        await failures.Publisher.PublishAsync([letter, letter, letter], Rabbit.Stop);
        await failures.StartReceiverAsync();
        await failures.Rabbit.HoldsAsync(failures.Rabbit.Names.DeadLetters, 0);
        await failures.LettersAsync(1);
        var rows = await failures.Database.RowsAsync("""
            SELECT concat_ws('|', consumer, topic_id, partition, "offset", topic, tenant, stage, kind, reason, message, fingerprint, encode(key, 'escape'), encode(value, 'hex'),
                array_to_string(header_names, ','), attempts, algorithm, algorithm_version, failed_first = $1, failed_last = $2, logged_at = $3, published_at IS NOT NULL) FROM control.dead_letters
            """, r => r.GetString(0), At.AddSeconds(1).UtcDateTime, At.AddSeconds(2).UtcDateTime, At.UtcDateTime);
        Assert.Equal(["failing|AAAAAAAAAAAAAAAAAAAAAQ|3|7|some.topic|default|processing|transient|processor_failed|it failed|failing:it|key|00ff0102|ingest,ingest,empty|5|kmeans|2|t|t|t|t"], rows);
    }

    [Fact]
    public async Task A_letter_that_stands_in_the_revision_is_not_stored_beside_it()
    {
        await using var failures = await FailuresUnderTest.StartAsync();
        await failures.WriteLettersAsync(40);
        await failures.StartOutboxAsync();
        await failures.StartReceiverAsync();
        await failures.LettersAsync(0, "pipeline.dead_letters WHERE published_at IS NULL");
        await failures.Rabbit.HoldsAsync(failures.Rabbit.Names.DeadLetters, 0);
        Assert.Equal(0, await failures.CountAsync("control.dead_letters"));
    }

    [Fact]
    public async Task Garbage_becomes_a_letter_and_holds_nobody_up()
    {
        await using var failures = await FailuresUnderTest.StartAsync();
        var names = failures.Rabbit.Names;
        await failures.Rabbit.DoAsync(async c =>
        {
            await c.BasicPublishAsync("", names.DeadLetters, "garbage"u8.ToArray(), Rabbit.Stop);
            await c.BasicPublishAsync("", names.DeadLetters, "garbage"u8.ToArray(), Rabbit.Stop);
            await c.BasicPublishAsync(names.DeadLetters, "any.key", Array.Empty<byte>(), Rabbit.Stop);
            // It passes through the retry queue to no road at all.
            await c.BasicPublishAsync("", names.Retry(failures.Rabbit.Options.Delays[0]), "astray"u8.ToArray(), Rabbit.Stop);
        });
        // One that looks like ours, with a text that no table holds.
        await failures.Publisher.PublishAsync([FailureMessage.Write(Record(8) with { Tenant = "nul \0" }, names.DeadLetters, dead: true), FailureMessage.Write(Record(9), names.DeadLetters, dead: true)], Rabbit.Stop);
        await failures.StartReceiverAsync();
        await failures.LettersAsync(5);
        Assert.Equal(["", "\0\xFF\x01\x02", "astray", "garbage"], (await failures.Database.RowsAsync(
            "SELECT value FROM control.dead_letters WHERE (consumer, reason, partition, \"offset\") = ('failures', 'unreadable_message', 0, 0)",
            r => Encoding.Latin1.GetString(r.GetFieldValue<byte[]>(0)))).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task While_PostgreSQL_does_not_answer_nothing_is_lost_and_it_goes_on_by_itself()
    {
        await using var failures = await FailuresUnderTest.StartAsync();
        await using var relay = new Relay(new Uri(failures.Database.Uri));
        relay.Hold();
        await failures.StartReceiverAsync(relay.Uri);
        await failures.Publisher.PublishAsync([.. Enumerable.Range(0, 100).Select(i => FailureMessage.Write(Record(i), failures.Rabbit.Names.DeadLetters, dead: true))], Rabbit.Stop);
        await Until.TrueAsync("PostgreSQL was asked in vain", TimeSpan.FromSeconds(30), () => relay.Connections > 2);
        Assert.Equal(0, await failures.CountAsync("control.dead_letters"));
        relay.GoOn();
        await failures.LettersAsync(100);
        await failures.Rabbit.HoldsAsync(failures.Rabbit.Names.DeadLetters, 0);
    }

    [Fact]
    public async Task A_retry_whose_road_is_gone_is_a_letter_that_says_so()
    {
        await using var failures = await FailuresUnderTest.StartAsync("failing");
        await failures.Rabbit.DoAsync(c => c.QueueDeleteAsync(failures.Rabbit.Names.WorkQueue("failing"), cancellationToken: Rabbit.Stop));
        await failures.Publisher.PublishAsync([FailureMessage.Write(Record(), failures.Rabbit.Names.Retry(failures.Rabbit.Options.Delays[0]), dead: false)], Rabbit.Stop);
        // The publisher made the queue anew when it connected; without it, here is what happens.
        await failures.Rabbit.DoAsync(c => c.QueueDeleteAsync(failures.Rabbit.Names.WorkQueue("failing"), cancellationToken: Rabbit.Stop));
        await failures.Rabbit.HoldsAsync(failures.Rabbit.Names.DeadLetters, 1);
        var message = await failures.Rabbit.TakeAsync(failures.Rabbit.Names.DeadLetters);
        var letter = DeadMessages.Read("dead-letters", message.BasicProperties, message.Body.ToArray(), At);
        Assert.Equal(("failing", 7L, "No queue took its retry. it failed"), (letter.Log.Consumer, letter.Offset, letter.Cause.Message));
    }
}
