using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Failures;
using Pipeline.Processors.Failures.RabbitMq;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Tests.Failures.RabbitMq;

/// <summary>The parts that have to do with failures, on a database and with queues of one test.</summary>
sealed class FailuresUnderTest : IAsyncDisposable
{
    static int _made;

    readonly List<IHostedService> _running = [];
    readonly List<IAsyncDisposable> _letters = [];

    FailuresUnderTest(Rabbit rabbit, TestDatabase database)
    {
        (Rabbit, Database) = (rabbit, database);
        Pool = Source(database.Uri, pooling: true);
        Publisher = rabbit.Publisher();
        Ladder = new RetryLadder(Publisher, rabbit.Topology, new RetrySchedule(rabbit.Options.Delays, rabbit.Options.AttemptsMax), rabbit.Metrics);
        var work = new FailureWork(rabbit.Metrics, TimeProvider.System);
        Tools = new FailureTools(new RabbitMqReceiver(rabbit.Options, rabbit.Topology, rabbit.Connector, work, NullLoggerFactory.Instance), rabbit.Names,
            Task.CompletedTask, default, work, TimeProvider.System, NullLogger.Instance);
    }

    public Rabbit Rabbit { get; }
    public TestDatabase Database { get; }
    public NpgsqlDataSource Pool { get; }
    public RabbitMqPublisher Publisher { get; }
    public RetryLadder Ladder { get; }
    public FailureTools Tools { get; }

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static async Task<FailuresUnderTest> StartAsync(params string[] roads)
    {
        var database = await TestDatabase.CreateAsync($"failures_{Environment.ProcessId}_{Interlocked.Increment(ref _made)}");
        var failures = new FailuresUnderTest(await Rabbit.StartAsync(roads), database);
        await new Migrations(failures.Pool).ApplyAsync(Stop);
        await failures.Rabbit.DeclareAsync();
        return failures;
    }

    public Task<IHostedService> StartReceiverAsync(string? postgres = null) => StartAsync(new DeadLetterReceiver(
        new DeadLetterWriter(postgres is null ? Pool : Source(postgres, pooling: true)), Breaker(Dependencies.Postgres), Rabbit.Metrics, Task.CompletedTask, Tools));

    public Task<IHostedService> StartOutboxAsync(RabbitMqPublisher? publisher = null)
    {
        var letters = new UnpublishedLetters(Source(Database.Uri, pooling: false));
        _letters.Add(letters);
        return StartAsync(new DeadLetterOutbox(letters, publisher ?? Publisher, Rabbit.Metrics, new OutboxSettings(TimeSpan.FromMilliseconds(50), Task.CompletedTask), Tools));
    }

    /// <param name="over">Where it receives from, if not straight from the server.</param>
    public Task<IHostedService> StartRoadAsync(string road, Func<FailedRecord, CancellationToken, Task> handle, string? over = null) =>
        StartAsync(new WorkReceiver(new RetriedRoad(road, handle), Ladder, over is null ? Tools : Tools with { Receiver = Receiver(over) }));

    RabbitMqReceiver Receiver(string uri)
    {
        var options = new RabbitMqOptions { Uri = uri, Prefix = Rabbit.Options.Prefix, RetryDelays = Rabbit.Options.RetryDelays };
        return new RabbitMqReceiver(options, Rabbit.Topology, Rabbit.Connector, Tools.Work, NullLoggerFactory.Instance);
    }

    public async Task StopAsync(IHostedService service)
    {
        _running.Remove(service);
        await service.StopAsync(CancellationToken.None);
    }

    public Breaker Breaker(string dependency) => new(dependency, new BreakerOptions { CallsMin = 1000 }, TimeProvider.System, Rabbit.Metrics, NullLogger.Instance);

    public Task<long> CountAsync(string from) => Database.ValueAsync<long>($"SELECT count(*) FROM {from}");

    public Task LettersAsync(long count, string from = "control.dead_letters") =>
        Until.TrueAsync($"{from} holds {count}", TimeSpan.FromSeconds(60), () => CountAsync(from), n => n == count);

    /// <summary>Unpublished letters of events-postgres, as its road writes them.</summary>
    public Task WriteLettersAsync(int count, string topicId = "log-a", string table = "rev_1.dead_letters", int valueBytes = 10, int from = 0) => Database.RowsAsync($"""
        INSERT INTO {table} (consumer, topic_id, partition, "offset", topic, tenant, stage, kind, reason, message, fingerprint, key, value, header_names, header_values, logged_at, failed_first, failed_last)
        SELECT 'events-postgres', $1, i % 3, i, 'efficiency.events', 'default', 'processing', 'invalid', 'malformed_json', 'why', 'malformed_json', NULL,
            decode(repeat('ff', {valueBytes}), 'hex'), ARRAY['ingest', 'other'], ARRAY['\x01'::bytea, NULL], now(), now(), now()
        FROM generate_series({from}, {from + count - 1}) i ORDER BY random()
        """, _ => 0, topicId);

    static NpgsqlDataSource Source(string uri, bool pooling)
    {
        var settings = new PostgresOptions { ConnectionString = uri, CommandTimeout = TimeSpan.FromSeconds(3), ConnectTimeout = TimeSpan.FromSeconds(3) }.Build("pipeline-under-test");
        settings.Pooling = pooling;
        return NpgsqlDataSource.Create(settings);
    }

    async Task<IHostedService> StartAsync(IHostedService service)
    {
        await service.StartAsync(Stop);
        _running.Add(service);
        return service;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var service in _running)
            await service.StopAsync(CancellationToken.None);
        foreach (var made in _letters)
            await made.DisposeAsync();
        await Rabbit.DisposeAsync();
        await Pool.DisposeAsync();
        await Database.DisposeAsync();
    }
}
