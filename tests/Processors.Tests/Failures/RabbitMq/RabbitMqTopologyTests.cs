using Pipeline.Processors.Failures.RabbitMq;
using RabbitMQ.Client;

namespace Pipeline.Processors.Tests.Failures.RabbitMq;

public sealed class RabbitMqTopologyTests
{
    [Fact]
    public async Task Declared_again_it_changes_nothing_and_another_delay_is_another_queue()
    {
        await using var rabbit = await Rabbit.StartAsync("one", "two");
        await rabbit.DeclareAsync();
        await rabbit.DeclareAsync();
        rabbit.Options.RetryDelays = [.. rabbit.Options.RetryDelays, TimeSpan.FromSeconds(2)];
        await rabbit.DeclareAsync();
        await rabbit.HoldsAsync(rabbit.Names.Retry(TimeSpan.FromSeconds(2)), 0);
        Assert.EndsWith("pipeline.retry.2000", rabbit.Names.Retry(TimeSpan.FromSeconds(2)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("classic")]
    [InlineData("strategy")]
    [InlineData("limit")]
    [InlineData("ttl")]
    [InlineData("target")]
    [InlineData("overflow")]
    public async Task A_queue_of_another_kind_is_named_and_left_as_it_is(string difference)
    {
        await using var rabbit = await Rabbit.StartAsync("one");
        var name = rabbit.Names.Retry(rabbit.Options.Delays[0]);
        var arguments = new Dictionary<string, object?>
        {
            ["x-queue-type"] = "quorum", ["x-dead-letter-exchange"] = rabbit.Names.Work, ["x-dead-letter-strategy"] = "at-least-once", ["x-overflow"] = "reject-publish",
            ["x-delivery-limit"] = rabbit.Options.DeliveryLimit, ["x-message-ttl"] = 100L,
        };
        switch (difference)
        {
            case "classic": arguments = new() { ["x-queue-type"] = "classic" }; break;
            case "strategy": arguments.Remove("x-dead-letter-strategy"); break;
            case "limit": arguments["x-delivery-limit"] = 3; break;
            case "ttl": arguments["x-message-ttl"] = 101L; break;
            case "target": arguments["x-dead-letter-exchange"] = "elsewhere"; break;
            default: arguments.Remove("x-overflow"); break;
        }
        await rabbit.DoAsync(c => c.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false, arguments, cancellationToken: Rabbit.Stop));
        await rabbit.DoAsync(c => c.BasicPublishAsync("", name, new byte[1], Rabbit.Stop).AsTask());

        var mismatch = await Assert.ThrowsAsync<TopologyMismatchException>(rabbit.DeclareAsync);
        foreach (var word in (string[])["queue " + name, "delete_queue", "Nothing was changed", "current", "x-queue-type=quorum"])
            Assert.Contains(word, mismatch.Message, StringComparison.Ordinal);
        TestContext.Current.TestOutputHelper?.WriteLine(mismatch.Message);
        await Assert.ThrowsAsync<TopologyMismatchException>(() => rabbit.Publisher().PingAsync(Rabbit.Stop));
        if (difference == "classic")
            await rabbit.HoldsAsync(name, 1);
    }

    [Fact]
    public async Task An_exchange_of_another_kind_is_named()
    {
        await using var rabbit = await Rabbit.StartAsync();
        await rabbit.DoAsync(c => c.ExchangeDeclareAsync(rabbit.Names.DeadLetters, ExchangeType.Fanout, durable: true, cancellationToken: Rabbit.Stop));
        var mismatch = await Assert.ThrowsAsync<TopologyMismatchException>(rabbit.DeclareAsync);
        Assert.Contains("exchange " + rabbit.Names.DeadLetters, mismatch.Message, StringComparison.Ordinal);
    }
}
