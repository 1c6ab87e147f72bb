using RabbitMQ.Client;

namespace Pipeline.Processors.Failures.RabbitMq;

/// <summary>Opens connections, and closes them without waiting for a server that does not answer.</summary>
sealed class RabbitMqConnector(RabbitMqOptions options, TimeProvider clock)
{
    static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(10), AbortWithin = TimeSpan.FromSeconds(5);

    public TimeProvider Clock => clock;

    /// <summary>Within which a publish is confirmed and a question answered.</summary>
    public TimeSpan Timeout => options.PublishTimeout;

    /// <exception cref="RabbitMqUnavailableException">Not within the deadline.</exception>
    public async Task<IConnection> OpenAsync(string purpose, CancellationToken stop)
    {
        var factory = new ConnectionFactory
        {
            Uri = new Uri(options.Uri),
            ClientProvidedName = $"pipeline-processors {purpose}",
            // Rebuilt by us, together with the topology: the client's own recovery goes on with channels whose confirms are lost.
            AutomaticRecoveryEnabled = false,
            TopologyRecoveryEnabled = false,
            RequestedHeartbeat = Heartbeat,
            RequestedConnectionTimeout = options.PublishTimeout,
            ContinuationTimeout = options.PublishTimeout,
        };
        var opening = factory.CreateConnectionAsync(CancellationToken.None);
        try
        {
            return await opening.WaitAsync(options.PublishTimeout, clock, stop);
        }
        catch (Exception e)
        {
            // Given up, it may still be opened: nobody would have it, and its heartbeats would keep it.
            _ = DisposeLateAsync(opening);
            if (e is OperationCanceledException && stop.IsCancellationRequested)
                throw;
            throw new RabbitMqUnavailableException($"RabbitMQ cannot be reached: {Deepest(e).Message}", e);
        }
    }

    /// <summary>Drops the connection in the background: a client that hangs (7.1 can, after a server's restart) hangs in closing, too.</summary>
    public void Drop(IConnection connection) => _ = AbortAsync(connection);

    async Task AbortAsync(IConnection connection)
    {
        try
        {
            await connection.AbortAsync(AbortWithin).WaitAsync(AbortWithin * 2, clock);
            await connection.DisposeAsync().AsTask().WaitAsync(AbortWithin, clock);
        }
        catch (Exception)
        {
            // It is not used any more; the server ends it for want of heartbeats.
        }
    }

    async Task DisposeLateAsync(Task<IConnection> opening)
    {
        try
        {
            Drop(await opening);
        }
        catch (Exception)
        {
            // It failed, as its caller was told already.
        }
    }

    static Exception Deepest(Exception e) => e.InnerException is { } inner ? Deepest(inner) : e;
}
