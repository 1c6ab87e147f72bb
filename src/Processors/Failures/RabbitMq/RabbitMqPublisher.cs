using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Pipeline.Processors.Failures.RabbitMq;

/// <summary>A message on its way out.</summary>
readonly record struct OutgoingMessage(string Exchange, string RoutingKey, BasicProperties Properties, ReadOnlyMemory<byte> Body);

/// <summary>
/// Publishes so that success means a queue holds the message: mandatory, confirmed, within a deadline. When the deadline passes, the
/// connection is given up and the next publish makes another, because the client (7.1) can hang in a publish for ever. By RabbitMQ.Client and
/// not by MassTransit, which cannot let go of a connection from outside (docs/decisions/0003-rabbitmq.md).
/// </summary>
sealed class RabbitMqPublisher(RabbitMqConnector connector, RabbitMqTopology topology, Breaker breaker, ProcessorMetrics metrics, Action<HandOverPoint>? armed = null) : IAsyncDisposable
{
    /// <summary>Confirms are awaited by whole lists, which their makers bound; the client's own limiter would slow them down.</summary>
    static readonly CreateChannelOptions Confirming = new(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true);

    readonly SemaphoreSlim _opening = new(1);
    volatile Session? _session;

    /// <summary>The last deadline that passed, until a publish succeeds: a server that blocks publishers still answers questions.</summary>
    volatile Silence? _silence;

    /// <summary>Why the server takes no messages on the current connection, such as a memory alarm; null while it does.</summary>
    public string? Blocked { get; private set; }

    /// <summary>Publishes the messages in order, all under way at once. After an exception any of them may have been taken over.</summary>
    /// <exception cref="RabbitMqUnavailableException">Not every message is known to be in a queue.</exception>
    /// <exception cref="MessageReturnedException">A message has no queue to go to.</exception>
    /// <exception cref="DependencyUnavailableException">RabbitMQ failed too often just now and was not asked.</exception>
    public Task PublishAsync(IReadOnlyList<OutgoingMessage> messages, CancellationToken stop) =>
        messages.Count == 0 ? Task.CompletedTask : breaker.RunAsync(inner => ConfirmedAsync(messages, inner), stop);

    async Task ConfirmedAsync(IReadOnlyList<OutgoingMessage> messages, CancellationToken stop)
    {
        var session = await SessionAsync(stop);
        var confirms = messages.Select(m => PublishAsync(session, m)).ToList();
        var all = Task.WhenAll(confirms);
        armed?.Invoke(HandOverPoint.BeforeConfirm);
        try
        {
            await all.WaitAsync(connector.Timeout, connector.Clock, stop);
            armed?.Invoke(HandOverPoint.AfterConfirm);
            metrics.Published(messages.Count);
            _silence = null;
        }
        catch (TimeoutException e)
        {
            metrics.PublishDeadlinePassed();
            GiveUp(session);
            Observe(all);
            var message = $"RabbitMQ has not confirmed within {connector.Timeout.TotalSeconds} s{(Blocked is { } why ? $", it blocks publishers: {why}" : "")}";
            _silence = new Silence(message, connector.Clock.GetTimestamp());
            throw new RabbitMqUnavailableException(message, e);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            Observe(all);
            throw;
        }
        catch (MessageReturnedException)
        {
            metrics.Returned();
            // Whoever removed the target may have removed it while we were connected: the next publish declares it again.
            GiveUp(session);
            throw;
        }
        catch (Exception e)
        {
            GiveUp(session);
            throw e as RabbitMqUnavailableException ?? new RabbitMqUnavailableException($"RabbitMQ did not take the message: {e.Message}", e);
        }
    }

    /// <summary>Asks the server something on the publishing connection. Fails, too, while publishes go unconfirmed.</summary>
    /// <exception cref="RabbitMqUnavailableException">It does not answer, or takes no messages.</exception>
    public async Task PingAsync(CancellationToken stop)
    {
        var session = await SessionAsync(stop);
        if (Blocked is { } why)
            throw new RabbitMqUnavailableException($"RabbitMQ blocks publishers: {why}");
        if (_silence is { } silence && connector.Clock.GetElapsedTime(silence.At) < connector.Timeout * 3)
            throw new RabbitMqUnavailableException(silence.Message);
        try
        {
            var channel = await session.Connection.CreateChannelAsync(cancellationToken: stop).WaitAsync(connector.Timeout, connector.Clock, stop);
            metrics.QueueMessages(await topology.CountAsync(channel, stop).WaitAsync(connector.Timeout, connector.Clock, stop));
            await channel.DisposeAsync().AsTask().WaitAsync(connector.Timeout, connector.Clock, stop);
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            throw new RabbitMqUnavailableException($"RabbitMQ does not answer: {e.Message}", e);
        }
    }

    async Task PublishAsync(Session session, OutgoingMessage message)
    {
        try
        {
            // Not cancelled: a cancelled publish leaves the client's count of confirms wrong.
            await session.Channel.BasicPublishAsync(message.Exchange, message.RoutingKey, mandatory: true, message.Properties, message.Body, CancellationToken.None);
        }
        catch (PublishException e) when (e.IsReturn)
        {
            throw new MessageReturnedException(message.Exchange, message.RoutingKey);
        }
    }

    async Task<Session> SessionAsync(CancellationToken stop)
    {
        if (_session is { IsOpen: true } open)
            return open;
        if (!await _opening.WaitAsync(connector.Timeout * 3, stop))
            throw new RabbitMqUnavailableException("RabbitMQ cannot be reached: another attempt is still under way");
        try
        {
            if (_session is { IsOpen: true } opened)
                return opened;
            if (_session is { } broken)
                GiveUp(broken);
            return _session = await OpenAsync(stop);
        }
        finally
        {
            _opening.Release();
        }
    }

    async Task<Session> OpenAsync(CancellationToken stop)
    {
        var connection = await connector.OpenAsync("publisher", stop);
        try
        {
            await topology.DeclareAsync(connection, stop).WaitAsync(connector.Timeout * 2, connector.Clock, stop);
            var channel = await connection.CreateChannelAsync(Confirming, stop).WaitAsync(connector.Timeout, connector.Clock, stop);
            Blocked = null;
            connection.ConnectionBlockedAsync += (_, blocked) => { Blocked = blocked.Reason; return Task.CompletedTask; };
            connection.ConnectionUnblockedAsync += (_, _) => { Blocked = null; return Task.CompletedTask; };
            return new Session(connection, channel);
        }
        catch (Exception e)
        {
            connector.Drop(connection);
            if (e is TopologyMismatchException || (e is OperationCanceledException && stop.IsCancellationRequested))
                throw;
            throw new RabbitMqUnavailableException($"RabbitMQ cannot be used: {e.Message}", e);
        }
    }

    void GiveUp(Session session)
    {
        if (Interlocked.CompareExchange(ref _session, null, session) == session)
        {
            metrics.PublisherRebuilt();
            connector.Drop(session.Connection);
        }
    }

    /// <summary>What nobody awaits any more must not surface as an unobserved exception.</summary>
    static void Observe(Task task) => task.ContinueWith(t => t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);

    public ValueTask DisposeAsync()
    {
        if (_session is { } session)
            connector.Drop(session.Connection);
        _opening.Dispose();
        return ValueTask.CompletedTask;
    }

    sealed record Silence(string Message, long At);

    sealed record Session(IConnection Connection, IChannel Channel)
    {
        public bool IsOpen => Connection.IsOpen && Channel.IsOpen;
    }
}
