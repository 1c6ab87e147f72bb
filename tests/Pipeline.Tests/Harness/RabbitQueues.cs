using RabbitMQ.Client;

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>Queues and exchanges of one test, told apart by their prefix, as an outsider sees them.</summary>
sealed class RabbitQueues : IAsyncDisposable
{
    static readonly int[] DelaysMs = [100, 200, 300, 400];

    readonly string _uri, _prefix, _road;
    readonly List<string> _own = [];
    IConnection? _connection;

    RabbitQueues(string uri, string prefix, string road) => (_uri, _prefix, _road) = (uri, prefix, road);

    public string DeadLetters => _prefix + "dead-letters";
    public string Work => $"{_prefix}pipeline.work.{_road}";
    public string Alone => Work + ".alone";

    /// <summary>Of requests that take long; only analyses have them.</summary>
    public IReadOnlyList<string> Jobs => _road == "analysis" ? [.. new[] { "high", "normal", "low" }.Select(p => $"{_prefix}pipeline.jobs.{p}")] : [];

    /// <summary>Of the shortest delay.</summary>
    public string Retry => $"{_prefix}pipeline.retry.{DelaysMs[0]}";

    /// <summary>For a host with role failures. Delays of 100 to 400 ms.</summary>
    public (string Name, string Value)[] Settings =>
    [
        ("Pipeline__RabbitMq__Uri", _uri), ("Pipeline__RabbitMq__Prefix", _prefix),
        .. DelaysMs.Select((ms, i) => ($"Pipeline__RabbitMq__RetryDelays__{i}", $"00:00:00.{ms}")),
    ];

    /// <param name="own">A server of the test; else the run's.</param>
    /// <param name="road">Whose retries they are.</param>
    public static RabbitQueues Create(OwnRabbit? own = null, string road = "failing") => new(own?.Uri ?? TestServers.RabbitMq, $"t{Guid.NewGuid():N}"[..12] + ".", road);

    /// <summary>On a channel of its own, which the server may close.</summary>
    public async Task DoAsync(Func<IChannel, Task> act)
    {
        if (_connection is not { IsOpen: true })
            _connection = await new ConnectionFactory { Uri = new Uri(_uri), AutomaticRecoveryEnabled = false }.CreateConnectionAsync();
        await using var channel = await _connection.CreateChannelAsync();
        await act(channel);
    }

    public async Task<long> CountAsync(string queue)
    {
        var count = 0L;
        await DoAsync(async c => count = (await c.QueueDeclarePassiveAsync(queue)).MessageCount);
        return count;
    }

    /// <summary>Waits until nothing waits anywhere, on two looks that are further apart than the longest delay.</summary>
    public async Task EmptyAsync(TimeSpan within)
    {
        string[] queues = [DeadLetters, Work, Alone, .. Jobs, .. DelaysMs.Select(ms => $"{_prefix}pipeline.retry.{ms}")];
        var looks = 0;
        await Until.TrueAsync("every queue is empty", within, async () =>
        {
            var waiting = new List<string>();
            foreach (var queue in queues)
                if (await CountAsync(queue) is > 0 and var n)
                    waiting.Add($"{queue}: {n}");
            looks = waiting.Count == 0 ? looks + 1 : 0;
            return string.Join(", ", waiting);
        }, waiting => waiting.Length == 0 && looks > 10);
    }

    /// <summary>A queue as another system would bind it, with every dead letter from now on.</summary>
    public async Task<string> WatchAsync()
    {
        var name = _prefix + "watch";
        await DoAsync(async c =>
        {
            await c.ExchangeDeclareAsync(DeadLetters, ExchangeType.Topic, durable: true);
            await c.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false);
            await c.QueueBindAsync(name, DeadLetters, "#");
        });
        _own.Add(name);
        return name;
    }

    /// <summary>Identities (message ids) of everything in the queue, in its order.</summary>
    public async Task<List<string>> TakeAllAsync(string queue)
    {
        var ids = new List<string>();
        await DoAsync(async c =>
        {
            while (await c.BasicGetAsync(queue, autoAck: true) is { } message)
                ids.Add(message.BasicProperties.MessageId ?? "");
        });
        return ids;
    }

    public async ValueTask DisposeAsync()
    {
        await DoAsync(async c =>
        {
            string[] queues = [DeadLetters, Work, Alone, .. Jobs, .. DelaysMs.Select(ms => $"{_prefix}pipeline.retry.{ms}"), .. _own];
            foreach (var queue in queues)
                await c.QueueDeleteAsync(queue);
            foreach (var exchange in (string[])[_prefix + "pipeline.work", _prefix + "pipeline.jobs", .. queues])
                await c.ExchangeDeleteAsync(exchange);
        });
        await _connection!.DisposeAsync();
    }
}
