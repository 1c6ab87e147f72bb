using System.Text;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Failures.RabbitMq;
using Pipeline.Processors.Tests.Failures.RabbitMq;

namespace Pipeline.Processors.Tests.Failures;

public sealed class DeadLetterOutboxTests
{
    const string Unpublished = "pipeline.dead_letters WHERE published_at IS NULL";

    [Fact]
    public async Task Letters_of_both_tables_are_told_in_the_order_of_their_logs_and_once()
    {
        await using var failures = await FailuresUnderTest.StartAsync();
        await failures.WriteLettersAsync(700, "log-b");
        await failures.WriteLettersAsync(700, "log-a");
        await failures.WriteLettersAsync(3, "log-c", "control.dead_letters");
        await failures.StartOutboxAsync();
        await failures.LettersAsync(0, Unpublished);
        await failures.Rabbit.HoldsAsync(failures.Rabbit.Names.DeadLetters, 1403);
        var places = new List<(string, int, long)>();
        for (var i = 0; i < 1403; i++)
        {
            var message = await failures.Rabbit.TakeAsync(failures.Rabbit.Names.DeadLetters);
            Assert.Equal("events-postgres", message.RoutingKey);
            Assert.True(FailureMessage.TryRead(message.BasicProperties, message.Body.ToArray(), out var letter, out var dead));
            Assert.True(dead);
            places.Add((letter!.Log.TopicId, letter.Log.Partition, letter.Offset));
            Assert.Equal("ffffffffffffffffffff", Convert.ToHexStringLower(letter.Value!));
            Assert.Equal([("ingest", "\x01"), ("other", null)], letter.Headers.Select(h => (h.Key, h.Value is null ? null : Encoding.UTF8.GetString(h.Value))));
        }
        Assert.Equal(places.Take(1400).Order(), places.Take(1400));
        Assert.Equal(1403, places.Distinct().Count());
        // One that becomes visible late has a lower number than those that were published.
        await failures.WriteLettersAsync(1, "log-a", from: -1);
        await failures.Rabbit.HoldsAsync(failures.Rabbit.Names.DeadLetters, 1);
    }

    [Fact]
    public async Task A_chunk_is_bounded_in_bytes_and_a_letter_larger_than_the_bound_goes_alone()
    {
        await using var failures = await FailuresUnderTest.StartAsync();
        await failures.WriteLettersAsync(6, valueBytes: 3_000_000);
        await failures.WriteLettersAsync(1, "log-z", valueBytes: 9_000_000);
        await failures.StartOutboxAsync();
        await failures.LettersAsync(0, Unpublished);
        await failures.Rabbit.HoldsAsync(failures.Rabbit.Names.DeadLetters, 7);
    }

    [Fact]
    public async Task One_process_publishes_and_when_its_session_ends_the_next_one_goes_on()
    {
        await using var failures = await FailuresUnderTest.StartAsync();
        var first = await failures.StartOutboxAsync();
        await failures.StartOutboxAsync();
        await failures.WriteLettersAsync(50);
        await failures.LettersAsync(0, Unpublished);
        Assert.Equal(1, await failures.CountAsync("pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"));
        await failures.StopAsync(first);
        await failures.WriteLettersAsync(50, "log-b");
        await failures.LettersAsync(0, Unpublished);
        await failures.Database.CutSessionsAsync();
        await failures.WriteLettersAsync(50, "log-c");
        await failures.LettersAsync(0, Unpublished);
        await failures.Rabbit.HoldsAsync(failures.Rabbit.Names.DeadLetters, 150);
    }

    [Fact]
    public async Task An_outbox_that_is_stopped_while_it_waits_gives_its_place_up()
    {
        await using var failures = await FailuresUnderTest.StartAsync();
        const string locks = "pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        var outbox = await failures.StartOutboxAsync();
        await Until.TrueAsync("it has the place", TimeSpan.FromSeconds(20), () => failures.CountAsync(locks), n => n == 1);
        await failures.StopAsync(outbox);
        await Until.TrueAsync("the place is free", TimeSpan.FromSeconds(5), () => failures.CountAsync(locks), n => n == 0);
    }

    [Fact]
    public async Task While_RabbitMQ_does_not_answer_nothing_is_marked_and_afterwards_all_is_told()
    {
        await using var failures = await FailuresUnderTest.StartAsync();
        await using var relay = new Relay(new Uri(failures.Rabbit.Options.Uri));
        var slow = new RabbitMqOptions { Uri = relay.Uri, Prefix = failures.Rabbit.Options.Prefix, RetryDelays = failures.Rabbit.Options.RetryDelays, PublishTimeout = TimeSpan.FromSeconds(0.5) };
        relay.Hold();
        await failures.StartOutboxAsync(failures.Rabbit.Publisher(new RabbitMqConnector(slow, TimeProvider.System)));
        await failures.WriteLettersAsync(30);
        await Until.TrueAsync("the outbox was refused", TimeSpan.FromSeconds(20), () => relay.Connections > 1);
        Assert.Equal(30, await failures.CountAsync(Unpublished));
        relay.GoOn();
        await failures.LettersAsync(0, Unpublished);
        await failures.Rabbit.HoldsAsync(failures.Rabbit.Names.DeadLetters, 30);
    }

    [Fact]
    public async Task What_was_confirmed_and_not_marked_is_told_again()
    {
        await using var failures = await FailuresUnderTest.StartAsync();
        var crashes = 2;
        var publisher = failures.Rabbit.Publisher(armed: point =>
        {
            if (point == HandOverPoint.AfterConfirm && Interlocked.Decrement(ref crashes) >= 0)
                throw new IOException("as if the process had died");
        });
        await failures.WriteLettersAsync(20);
        await failures.StartOutboxAsync(publisher);
        await failures.LettersAsync(0, Unpublished);
        await failures.Rabbit.HoldsAsync(failures.Rabbit.Names.DeadLetters, 60);
        // Whoever reads them knows them by their place.
        await failures.StartReceiverAsync();
        await failures.Rabbit.HoldsAsync(failures.Rabbit.Names.DeadLetters, 0);
        Assert.Equal(20, await failures.CountAsync("pipeline.dead_letters"));
    }
}
