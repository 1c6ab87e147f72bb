using MassTransit;
using MassTransit.Configuration;
using MassTransit.RabbitMqTransport;
using RabbitMQ.Client;

namespace Pipeline.Processors.Failures.RabbitMq;

/// <summary>A message that was delivered: acknowledged when its handler returns, given back to the queue when it throws.</summary>
/// <param name="Stopping">Set when the process stops, or its connection is lost and the message somebody else's: what only waits ends then, what works may finish.</param>
sealed record Delivery(string Queue, IReadOnlyBasicProperties Properties, byte[] Body, CancellationToken Stopping)
{
    /// <summary>Whether it was delivered before, to somebody who gave no answer: his process or his connection ended.</summary>
    public bool IsRepeated => Properties.Headers?.TryGetValue("x-delivery-count", out var count) == true && count is not (0 or 0L);
}

/// <param name="ExchangeType">Of the exchange with the queue's name, which MassTransit declares: there already, or new and without use.</param>
/// <param name="Prefetch">Messages at a time; null: as configured.</param>
readonly record struct ReceivedQueue(string Name, string ExchangeType, int? Prefetch = null);

/// <summary>
/// Receives from one queue by MassTransit: its channel, prefetch, concurrency, acknowledgements and orderly end. Messages are taken raw, in the receive
/// pipe, because their bodies are bytes of records and no envelopes. A bus whose endpoint fails is thrown away and made anew here: left
/// alone it waits up to 30 s between attempts, and after some errors for ever.
/// </summary>
sealed class RabbitMqReceiver(RabbitMqOptions options, RabbitMqTopology topology, RabbitMqConnector connector, FailureWork work, ILoggerFactory logs)
{
    static readonly TimeSpan StartWithin = TimeSpan.FromSeconds(15), EndWithin = TimeSpan.FromSeconds(5), StopMost = TimeSpan.FromMinutes(10), Pause = TimeSpan.FromSeconds(1);

    readonly ILogger _log = logs.CreateLogger<RabbitMqReceiver>();

    /// <summary>Runs until it is stopped, then lets the messages at hand be finished until they are to be abandoned.</summary>
    /// <param name="handle">Called for as many messages at a time as the source's prefetch says; its token is cancelled when the message is no longer ours.</param>
    public async Task RunAsync(ReceivedQueue source, Func<Delivery, CancellationToken, Task> handle, CancellationToken abandoning, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await ReceiveAsync(source, handle, abandoning, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                work.Failed(source.Name, e.Message);
                _log.ReceiverWaits(source.Name, e.Message);
                await Task.Delay(Pause, connector.Clock, stop).ContinueWith(_ => { }, TaskScheduler.Default);
            }
        }
    }

    async Task ReceiveAsync(ReceivedQueue source, Func<Delivery, CancellationToken, Task> handle, CancellationToken abandoning, CancellationToken stop)
    {
        await DeclareAsync(stop);
        var ended = new EndpointEnd();
        LogContext.ConfigureCurrentLogContext(logs);
        var bus = Bus.Factory.CreateUsingRabbitMq(configure => Configure(configure, source, new RawMessages(source.Name, handle, stop)));
        bus.ConnectReceiveEndpointObserver(ended);
        try
        {
            using (var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop))
            {
                deadline.CancelAfter(StartWithin);
                await bus.StartAsync(deadline.Token).WaitAsync(StartWithin * 2, connector.Clock, stop);
            }
            work.Runs(source.Name);
            _log.Receiving(source.Name);
            await ended.Task.WaitAsync(stop);
        }
        finally
        {
            // A stop waits for what is at hand; where the connection failed, it is not ours any more.
            using var end = CancellationTokenSource.CreateLinkedTokenSource(abandoning);
            if (!stop.IsCancellationRequested)
                end.CancelAfter(EndWithin);
            await bus.StopAsync(end.Token).WaitAsync(stop.IsCancellationRequested ? StopMost : EndWithin * 2, connector.Clock, CancellationToken.None);
        }
    }

    /// <summary>What was deleted since the start is made anew, before MassTransit asks for it.</summary>
    async Task DeclareAsync(CancellationToken stop)
    {
        var connection = await connector.OpenAsync("topology", stop);
        try
        {
            await topology.DeclareAsync(connection, stop).WaitAsync(StartWithin, connector.Clock, stop);
        }
        finally
        {
            connector.Drop(connection);
        }
    }

    void Configure(IRabbitMqBusFactoryConfigurator bus, ReceivedQueue source, RawMessages messages)
    {
        var uri = new Uri(options.Uri);
        var user = uri.UserInfo.Split(':', 2);
        var virtualHost = uri.AbsolutePath.Length > 1 ? Uri.UnescapeDataString(uri.AbsolutePath[1..]) : "/";
        bus.Host(uri.Host, (ushort)(uri.Port > 0 ? uri.Port : uri.Scheme == "amqps" ? 5671 : 5672), virtualHost, $"pipeline-processors {source.Name}", host =>
        {
            host.Username(Uri.UnescapeDataString(user[0]));
            host.Password(user.Length > 1 ? Uri.UnescapeDataString(user[1]) : "");
            host.Heartbeat(TimeSpan.FromSeconds(10));
            host.RequestedConnectionTimeout(options.PublishTimeout);
            host.ContinuationTimeout(options.PublishTimeout);
            if (uri.Scheme == "amqps")
                host.UseSsl(ssl => ssl.ServerName = uri.Host);
        });
        bus.ReceiveEndpoint(source.Name, endpoint =>
        {
            // The queue was declared and checked already. MassTransit would declare it as it likes.
            endpoint.BindQueue = false;
            endpoint.ConfigureConsumeTopology = false;
            endpoint.ExchangeType = source.ExchangeType;
            endpoint.PrefetchCount = source.Prefetch ?? options.Prefetch;
            endpoint.ConcurrentMessageLimit = source.Prefetch ?? options.Prefetch;
            endpoint.ConfigureReceive(pipe => pipe.AddPipeSpecification(messages));
        });
    }

    /// <summary>Completes when the endpoint no longer receives.</summary>
    sealed class EndpointEnd : IReceiveEndpointObserver
    {
        readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Task => _ended.Task;

        Task IReceiveEndpointObserver.Ready(ReceiveEndpointReady ready) => Task.CompletedTask;

        Task IReceiveEndpointObserver.Stopping(ReceiveEndpointStopping stopping) => Task.CompletedTask;

        Task IReceiveEndpointObserver.Completed(ReceiveEndpointCompleted completed)
        {
            _ended.TrySetException(new RabbitMqUnavailableException("the receiving ended"));
            return Task.CompletedTask;
        }

        Task IReceiveEndpointObserver.Faulted(ReceiveEndpointFaulted faulted)
        {
            _ended.TrySetException(new RabbitMqUnavailableException(faulted.Exception?.Message ?? "the receiving failed", faulted.Exception));
            return Task.CompletedTask;
        }
    }

    /// <summary>Takes every message before MassTransit would look for an envelope in it.</summary>
    sealed class RawMessages(string queue, Func<Delivery, CancellationToken, Task> handle, CancellationToken stopping) : IPipeSpecification<ReceiveContext>, IFilter<ReceiveContext>
    {
        public void Apply(IPipeBuilder<ReceiveContext> builder) => builder.AddFilter(this);

        public IEnumerable<ValidationResult> Validate() => [];

        public void Probe(ProbeContext context) => context.CreateFilterScope("raw");

        public async Task Send(ReceiveContext context, IPipe<ReceiveContext> next)
        {
            var message = (RabbitMqReceiveContext)context;
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(stopping, context.CancellationToken);
            await handle(new Delivery(queue, message.Properties, context.Body.GetBytes(), ending.Token), context.CancellationToken);
        }
    }
}
