using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Pipeline.Processors.Failures.RabbitMq;

/// <summary>
/// The exchanges and queues of failures. All queues are quorum queues; those that hand messages on do it at least once and refuse
/// rather than drop. Measured with the server's default (at-most-once) and the target missing: 100 of 100 confirmed messages were lost.
/// </summary>
/// <param name="jobs">Queues of records that wait for a first attempt, and the road whose they are.</param>
sealed class RabbitMqTopology(RabbitMqOptions options, IReadOnlyCollection<string> roads, IReadOnlyCollection<(string Queue, string Road)>? jobs = null)
{
    readonly IReadOnlyCollection<(string Queue, string Road)> _jobs = jobs ?? [];

    /// <summary>The queue of dead letters hands nothing on, so that a limit would drop; from RabbitMQ 4 on there is one unless it is said otherwise.</summary>
    const int NoDeliveryLimit = 2_000_000_000;

    public IReadOnlyCollection<string> Roads => roads;

    public RabbitMqNames Names { get; } = new(options.Prefix);

    /// <summary>Declares what is missing and checks the rest. Nothing that exists is changed.</summary>
    /// <exception cref="TopologyMismatchException">Something with that name is of another kind.</exception>
    public async Task DeclareAsync(IConnection connection, CancellationToken stop)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: stop);
        await ExchangeAsync(channel, Names.DeadLetters, ExchangeType.Topic, null, stop);
        await QueueAsync(channel, Names.DeadLetters, new() { ["x-delivery-limit"] = NoDeliveryLimit }, stop);
        await channel.QueueBindAsync(Names.DeadLetters, Names.DeadLetters, "#", cancellationToken: stop);
        // A retry that no road takes, or a stranger's message, would block the retry queue's hand-over to all roads: it becomes a dead letter instead.
        await ExchangeAsync(channel, Names.Work, ExchangeType.Direct, new() { ["alternate-exchange"] = Names.DeadLetters }, stop);
        foreach (var road in roads)
        {
            await QueueAsync(channel, Names.WorkQueue(road), DeadLettering(Names.DeadLetters), stop);
            await channel.QueueBindAsync(Names.WorkQueue(road), Names.Work, road, cancellationToken: stop);
            var alone = DeadLettering(Names.DeadLetters);
            alone["x-dead-letter-routing-key"] = road;
            await QueueAsync(channel, Names.AloneQueue(road), alone, stop);
            await channel.QueueBindAsync(Names.AloneQueue(road), Names.Work, RabbitMqNames.AloneKey(road), cancellationToken: stop);
        }
        if (_jobs.Count > 0)
            await ExchangeAsync(channel, Names.Jobs, ExchangeType.Direct, null, stop);
        foreach (var (queue, road) in _jobs)
        {
            // Who dies over a job is known by its task's row. A delivery speaks against none: a process holds jobs that only wait for their turn.
            var arguments = DeadLettering(Names.DeadLetters);
            arguments["x-delivery-limit"] = NoDeliveryLimit;
            arguments["x-dead-letter-routing-key"] = road;
            await QueueAsync(channel, Names.JobQueue(queue), arguments, stop);
            await channel.QueueBindAsync(Names.JobQueue(queue), Names.Jobs, queue, cancellationToken: stop);
        }
        foreach (var delay in options.Delays.Distinct())
        {
            var name = Names.Retry(delay);
            var arguments = DeadLettering(Names.Work);
            arguments["x-message-ttl"] = (long)delay.TotalMilliseconds;
            await ExchangeAsync(channel, name, ExchangeType.Fanout, null, stop);
            await QueueAsync(channel, name, arguments, stop);
            await channel.QueueBindAsync(name, name, "", cancellationToken: stop);
        }
    }

    /// <summary>How many messages wait in each queue.</summary>
    /// <exception cref="OperationInterruptedException">A queue is missing; the channel is closed.</exception>
    public async Task<IReadOnlyDictionary<string, long>> CountAsync(IChannel channel, CancellationToken stop)
    {
        var counts = new Dictionary<string, long>();
        foreach (var queue in (IEnumerable<string>)[Names.DeadLetters, .. roads.SelectMany(r => new[] { Names.WorkQueue(r), Names.AloneQueue(r) }), .. _jobs.Select(j => Names.JobQueue(j.Queue)), .. options.Delays.Distinct().Select(Names.Retry)])
            counts[queue] = (await channel.QueueDeclarePassiveAsync(queue, stop)).MessageCount;
        return counts;
    }

    /// <summary>The routing key stays the original one: the road.</summary>
    Dictionary<string, object?> DeadLettering(string exchange) => new()
    {
        ["x-dead-letter-exchange"] = exchange,
        ["x-dead-letter-strategy"] = "at-least-once",
        ["x-delivery-limit"] = options.DeliveryLimit,
    };

    static async Task QueueAsync(IChannel channel, string name, Dictionary<string, object?> arguments, CancellationToken stop)
    {
        arguments["x-queue-type"] = "quorum";
        arguments["x-overflow"] = "reject-publish";
        try
        {
            await channel.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false, arguments, cancellationToken: stop);
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode is Constants.PreconditionFailed or Constants.ResourceLocked)
        {
            throw Mismatch("queue", name, e, string.Join(", ", arguments.OrderBy(a => a.Key, StringComparer.Ordinal).Select(a => $"{a.Key}={a.Value}")), $"rabbitmqctl delete_queue {name}");
        }
    }

    static async Task ExchangeAsync(IChannel channel, string name, string type, Dictionary<string, object?>? arguments, CancellationToken stop)
    {
        try
        {
            await channel.ExchangeDeclareAsync(name, type, durable: true, autoDelete: false, arguments, cancellationToken: stop);
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode == Constants.PreconditionFailed)
        {
            throw Mismatch("exchange", name, e, $"type {type}", "rabbitmqadmin delete exchange");
        }
    }

    /// <summary>The server's text says what was asked for ("received") and what there is ("current").</summary>
    static TopologyMismatchException Mismatch(string what, string name, OperationInterruptedException e, string needed, string remedy) => new(
        $"RabbitMQ's {what} {name} exists already and is another one than this configuration needs ({needed}): {e.ShutdownReason!.ReplyText} "
        + $"(received: what is needed; current: what is there). Nothing was changed. Move its messages away and remove it ({remedy}), or set Pipeline:RabbitMq:Prefix, then start again.", e);
}
