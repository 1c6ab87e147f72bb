using Microsoft.Extensions.Options;
using Npgsql;
using Pipeline.Processors.Failures.RabbitMq;
using Pipeline.Sinks.Health;
using Pipeline.Sinks.Hosting;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Failures;

/// <summary>How hosts get what has to do with failures and RabbitMQ.</summary>
static class FailuresHost
{
    /// <summary>RabbitMQ's topology, publisher and ladder. Roads whose failures climb the ladder are added by <see cref="AddRetriedRoad"/>.</summary>
    public static void AddRabbitMq(this IServiceCollection services)
    {
        if (services.Any(s => s.ServiceType == typeof(RetryLadder)))
            return;
        services.AddArea<RabbitMqOptions>(RabbitMqOptions.Section);
        services.AddSingleton(p => new RabbitMqConnector(Options(p), p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new RabbitMqTopology(Options(p), [.. p.GetServices<RoadName>().Select(r => r.Name)],
            [.. p.GetServices<JobQueue>().Select(j => (j.Name, j.Road))]));
        services.AddSingleton(p => new RabbitMqPublisher(p.GetRequiredService<RabbitMqConnector>(), p.GetRequiredService<RabbitMqTopology>(),
            p.GetRequiredService<Breakers>().RabbitMq, p.GetRequiredService<ProcessorMetrics>(), ArmedPoints.FromEnvironment<HandOverPoint>()));
        services.AddSingleton<TopologyAtStart>();
        services.AddHostedService(p => p.GetRequiredService<TopologyAtStart>());
        services.AddSingleton(p => new RetrySchedule(Options(p).Delays, Options(p).AttemptsMax));
        services.AddSingleton<RetryLadder>();
        services.AddSingleton<FailureWork>();
        services.AddSingleton(p => new RabbitMqReceiver(Options(p), p.GetRequiredService<RabbitMqTopology>(), p.GetRequiredService<RabbitMqConnector>(),
            p.GetRequiredService<FailureWork>(), p.GetRequiredService<ILoggerFactory>()));
        services.AddSingleton(p => new FailureTools(p.GetRequiredService<RabbitMqReceiver>(), p.GetRequiredService<RabbitMqTopology>().Names,
            p.GetRequiredService<TopologyAtStart>().Ready, new StopTokens(p.GetRequiredService<GracefulStop>().Refusing, p.GetRequiredService<GracefulStop>().Abandoning),
            p.GetRequiredService<FailureWork>(), p.GetRequiredService<TimeProvider>(), p.GetRequiredService<ILogger<RetryLadder>>()));
        services.AddSingleton(p => new Dependency(Dependencies.RabbitMq, p.GetRequiredService<TimeProvider>(), p.GetRequiredService<RabbitMqPublisher>().PingAsync));
    }

    /// <summary>A road whose failures climb the ladder: its work queue and the receiver of its retries.</summary>
    public static void AddRetriedRoad(this IServiceCollection services, string road, Func<IServiceProvider, Func<FailedRecord, CancellationToken, Task>> handler) =>
        services.AddRetriedRoad(road, p => new RetriedRoad(road, handler(p)));

    /// <inheritdoc cref="AddRetriedRoad(IServiceCollection, string, Func{IServiceProvider, Func{FailedRecord, CancellationToken, Task}})"/>
    public static void AddRetriedRoad(this IServiceCollection services, string road, Func<IServiceProvider, RetriedRoad> retried)
    {
        services.AddRabbitMq();
        services.AddSingleton(new RoadName(road));
        services.AddSingleton<IHostedService>(p => new WorkReceiver(retried(p), p.GetRequiredService<RetryLadder>(), p.GetRequiredService<FailureTools>()));
    }

    /// <summary>Role failures: the outbox, and the receiver of dead letters.</summary>
    public static void AddFailures(this IServiceCollection services)
    {
        services.AddRabbitMq();
        services.AddSingleton<IHostedService>(p => new DeadLetterReceiver(p.GetRequiredService<DeadLetterWriter>(), p.GetRequiredService<Breakers>().Postgres,
            p.GetRequiredService<ProcessorMetrics>(), p.GetRequiredService<SchemaAtStart>().Ready, p.GetRequiredService<FailureTools>())
        { Followers = [.. p.GetServices<DeadLetterFollower>()] });
        services.AddSingleton<IHostedService>(p =>
        {
            var settings = p.GetRequiredService<IOptions<PostgresOptions>>().Value.Build("pipeline-outbox");
            // The lock is the session's: given back to a pool, it would go on holding it.
            settings.Pooling = false;
            return new DeadLetterOutbox(new UnpublishedLetters(NpgsqlDataSource.Create(settings)), p.GetRequiredService<RabbitMqPublisher>(), p.GetRequiredService<ProcessorMetrics>(),
                new OutboxSettings(Options(p).OutboxInterval, p.GetRequiredService<SchemaAtStart>().Ready), p.GetRequiredService<FailureTools>());
        });
    }

    static RabbitMqOptions Options(IServiceProvider services) => services.GetRequiredService<IOptions<RabbitMqOptions>>().Value;

    /// <summary>A road whose failures climb the ladder, for the topology.</summary>
    sealed record RoadName(string Name);
}

/// <summary>A queue of a road's records that wait for a first attempt, for the topology.</summary>
sealed record JobQueue(string Name, string Road);

/// <summary>What else is to be done when a record of this consumer has become a dead letter, by whatever way. Called again until it succeeds; then the message is acknowledged.</summary>
sealed record DeadLetterFollower(string Consumer, Func<FailedRecord, CancellationToken, Task> FollowAsync);
