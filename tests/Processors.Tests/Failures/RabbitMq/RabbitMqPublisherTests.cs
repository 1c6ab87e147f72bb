using System.Diagnostics;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Failures.RabbitMq;
using RabbitMQ.Client;
using static Pipeline.Processors.Tests.Failures.FailedRecords;

namespace Pipeline.Processors.Tests.Failures.RabbitMq;

public sealed class RabbitMqPublisherTests
{
    [Fact]
    public async Task A_list_arrives_whole_and_in_order()
    {
        await using var rabbit = await Rabbit.StartAsync();
        var publisher = rabbit.Publisher();
        const int count = 2000;
        await publisher.PublishAsync([.. Enumerable.Range(0, count).Select(i => FailureMessage.Write(Record(i), rabbit.Names.DeadLetters, dead: true))], Rabbit.Stop);
        await rabbit.HoldsAsync(rabbit.Names.DeadLetters, count);
        for (var i = 0; i < 20; i++)
            Assert.EndsWith($"/{i}", (await rabbit.TakeAsync(rabbit.Names.DeadLetters)).BasicProperties.MessageId, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_that_no_queue_takes_is_a_failure_and_its_target_is_made_anew_for_the_next()
    {
        await using var rabbit = await Rabbit.StartAsync();
        var publisher = rabbit.Publisher();
        var letter = FailureMessage.Write(Record(), rabbit.Names.DeadLetters, dead: true);
        await publisher.PublishAsync([letter], Rabbit.Stop);
        await rabbit.DoAsync(c => c.QueueDeleteAsync(rabbit.Names.DeadLetters, cancellationToken: Rabbit.Stop));
        await Assert.ThrowsAsync<MessageReturnedException>(() => publisher.PublishAsync([letter], Rabbit.Stop));
        await publisher.PublishAsync([letter], Rabbit.Stop);
        await rabbit.HoldsAsync(rabbit.Names.DeadLetters, 1);

        await rabbit.DoAsync(c => c.ExchangeDeleteAsync(rabbit.Names.DeadLetters, cancellationToken: Rabbit.Stop));
        await Assert.ThrowsAsync<RabbitMqUnavailableException>(() => publisher.PublishAsync([letter], Rabbit.Stop));
        await publisher.PublishAsync([letter], Rabbit.Stop);
        await rabbit.HoldsAsync(rabbit.Names.DeadLetters, 2);
    }

    [Fact]
    public async Task Without_an_answer_it_fails_at_the_deadline_and_the_next_publish_has_another_connection()
    {
        await using var rabbit = await Rabbit.StartAsync();
        await using var relay = new Relay(new Uri(rabbit.Options.Uri));
        var options = new RabbitMqOptions { Uri = relay.Uri, Prefix = rabbit.Options.Prefix, RetryDelays = rabbit.Options.RetryDelays, PublishTimeout = TimeSpan.FromSeconds(1) };
        var publisher = rabbit.Publisher(new RabbitMqConnector(options, TimeProvider.System));
        var letter = FailureMessage.Write(Record(), rabbit.Names.DeadLetters, dead: true);
        await publisher.PublishAsync([letter], Rabbit.Stop);
        relay.Hold();
        var clock = Stopwatch.StartNew();
        await Assert.ThrowsAsync<RabbitMqUnavailableException>(() => publisher.PublishAsync([letter, letter], Rabbit.Stop));
        Assert.InRange(clock.Elapsed.TotalSeconds, 0.9, 5);
        relay.GoOn();
        // It answers questions again; whether it takes messages only a publish can tell.
        await Assert.ThrowsAsync<RabbitMqUnavailableException>(() => publisher.PingAsync(Rabbit.Stop));
        await publisher.PublishAsync([letter], Rabbit.Stop);
        await publisher.PingAsync(Rabbit.Stop);
    }

    [Fact]
    public async Task A_question_that_is_not_answered_is_unavailable_and_no_other_failure()
    {
        await using var rabbit = await Rabbit.StartAsync();
        await using var relay = new Relay(new Uri(rabbit.Options.Uri));
        var options = new RabbitMqOptions { Uri = relay.Uri, Prefix = rabbit.Options.Prefix, RetryDelays = rabbit.Options.RetryDelays, PublishTimeout = TimeSpan.FromSeconds(1) };
        var publisher = rabbit.Publisher(new RabbitMqConnector(options, TimeProvider.System));
        await publisher.PingAsync(Rabbit.Stop);
        relay.Hold();
        await Assert.ThrowsAsync<RabbitMqUnavailableException>(() => publisher.PingAsync(Rabbit.Stop));
        relay.GoOn();
        relay.Cut();
        await Until.TrueAsync("it answers again", TimeSpan.FromSeconds(20), async () =>
        {
            try
            {
                await publisher.PingAsync(Rabbit.Stop);
                return true;
            }
            catch (RabbitMqUnavailableException)
            {
                return false;
            }
        });
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_unavailable_within_the_deadline()
    {
        await using var rabbit = await Rabbit.StartAsync();
        var nobody = new RabbitMqOptions { Uri = "amqp://127.0.0.1:1", PublishTimeout = TimeSpan.FromSeconds(1) };
        var publisher = rabbit.Publisher(new RabbitMqConnector(nobody, TimeProvider.System));
        await Assert.ThrowsAsync<RabbitMqUnavailableException>(() => publisher.PublishAsync([FailureMessage.Write(Record(), "", dead: true)], Rabbit.Stop));
        await Assert.ThrowsAsync<RabbitMqUnavailableException>(() => publisher.PingAsync(Rabbit.Stop));
    }
}
