using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Failures;
using Pipeline.Processors.Failures.RabbitMq;
using RabbitMQ.Client;

namespace Pipeline.Processors.Tests.Failures.RabbitMq;

/// <summary>Exchanges and queues of one test, told apart by their prefix and deleted after it, and an outsider's view of them.</summary>
sealed class Rabbit : IAsyncDisposable
{
    static readonly ServiceProvider Services = new ServiceCollection().AddMetrics().BuildServiceProvider();

    readonly IConnection _connection;
    readonly List<RabbitMqPublisher> _publishers = [];

    Rabbit(RabbitMqOptions options, IConnection connection, string[] roads)
    {
        (Options, _connection) = (options, connection);
        Topology = new RabbitMqTopology(options, roads);
        Connector = new RabbitMqConnector(options, TimeProvider.System);
    }

    public RabbitMqOptions Options { get; }
    public RabbitMqTopology Topology { get; }
    public RabbitMqConnector Connector { get; }
    public RabbitMqNames Names => Topology.Names;
    public ProcessorMetrics Metrics { get; } = new(Services.GetRequiredService<IMeterFactory>(), TimeProvider.System);

    public static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static async Task<Rabbit> StartAsync(params string[] roads)
    {
        var options = new RabbitMqOptions { Uri = TestServers.RabbitMq, Prefix = $"t{Guid.NewGuid():N}"[..12] + ".", RetryDelays = [TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(300)] };
        var connection = await new ConnectionFactory { Uri = new Uri(options.Uri) }.CreateConnectionAsync(Stop);
        return new Rabbit(options, connection, roads);
    }

    public RabbitMqPublisher Publisher(RabbitMqConnector? connector = null, Action<HandOverPoint>? armed = null)
    {
        var breaker = new Breaker(Dependencies.RabbitMq, new BreakerOptions { CallsMin = 1000 }, TimeProvider.System, Metrics, NullLogger.Instance);
        var publisher = new RabbitMqPublisher(connector ?? Connector, Topology, breaker, Metrics, armed);
        _publishers.Add(publisher);
        return publisher;
    }

    public async Task DeclareAsync() => await Topology.DeclareAsync(_connection, Stop);

    /// <summary>On a channel of its own, which the server may close.</summary>
    public async Task DoAsync(Func<IChannel, Task> act)
    {
        await using var channel = await _connection.CreateChannelAsync(cancellationToken: Stop);
        await act(channel);
    }

    public async Task<BasicGetResult?> GetAsync(string queue)
    {
        await using var channel = await _connection.CreateChannelAsync(cancellationToken: Stop);
        return await channel.BasicGetAsync(queue, autoAck: true, Stop);
    }

    public async Task<uint> CountAsync(string queue)
    {
        await using var channel = await _connection.CreateChannelAsync(cancellationToken: Stop);
        return (await channel.QueueDeclarePassiveAsync(queue, Stop)).MessageCount;
    }

    /// <summary>Counts lag behind a little in quorum queues.</summary>
    public Task HoldsAsync(string queue, uint messages) => Until.TrueAsync($"{queue} holds {messages}", TimeSpan.FromSeconds(30), () => CountAsync(queue), n => n == messages);

    public async Task<BasicGetResult> TakeAsync(string queue) =>
        (await Until.TrueAsync($"{queue} gives a message", TimeSpan.FromSeconds(30), () => GetAsync(queue), m => m is not null))!;

    public async ValueTask DisposeAsync()
    {
        foreach (var publisher in _publishers)
            await publisher.DisposeAsync();
        await using (var channel = await _connection.CreateChannelAsync())
        {
            string[] queues = [Names.DeadLetters, .. Options.Delays.Select(Names.Retry), .. Topology.Roads.Select(Names.WorkQueue), .. Topology.Roads.Select(Names.AloneQueue)];
            foreach (var queue in queues)
                await channel.QueueDeleteAsync(queue);
            foreach (var exchange in (string[])[Names.Work, .. queues])
                await channel.ExchangeDeleteAsync(exchange);
        }
        await _connection.DisposeAsync();
    }
}
