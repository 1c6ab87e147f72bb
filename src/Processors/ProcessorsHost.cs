using System.Reflection;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using Pipeline.Processors.Analysis;
using Pipeline.Processors.Analysis.Grpc;
using Pipeline.Processors.Analysis.Requests;
using Pipeline.Processors.Analysis.Schedules;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Erasure;
using Pipeline.Processors.Events;
using Pipeline.Processors.Failures;
using Pipeline.Processors.Failures.RabbitMq;
using Pipeline.Processors.Retention;
using Pipeline.Sinks.Health;
using Pipeline.Sinks.Hosting;
using Pipeline.Sinks.Influx;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Days;
using Pipeline.Sinks.Postgres.Erasure;
using Pipeline.Sinks.Postgres.Events;
using Pipeline.Sinks.Prometheus;

namespace Pipeline.Processors;

/// <summary>What the host is made of: which roads run is the roles' business.</summary>
static class ProcessorsHost
{
    public static readonly string[] Sections = [KafkaOptions.Section, ProcessorsOptions.Section, PostgresOptions.Section, InfluxOptions.Section, BreakerOptions.Section,
        DeadLetterQuotaOptions.Section, RabbitMqOptions.Section, RetentionOptions.Section, AnalysisSettings.Section];

    public static string Version => typeof(ProcessorsHost).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    public static void AddProcessors(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        // The one setting that is needed before all are validated; read alone, so that errors of others are reported in order.
        var roles = builder.Configuration[$"{ProcessorsOptions.Section}:{nameof(ProcessorsOptions.Roles)}"] is { } given ? new ProcessorsOptions { Roles = given }.RoleSet : new ProcessorsOptions().RoleSet;
        services.AddArea<KafkaOptions>(KafkaOptions.Section);
        services.AddArea<ProcessorsOptions>(ProcessorsOptions.Section);
        services.AddArea<PostgresOptions>(PostgresOptions.Section);
        services.AddArea<BreakerOptions>(BreakerOptions.Section);
        services.AddArea<RetentionOptions>(RetentionOptions.Section);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<ProcessorMetrics>();
        services.AddSingleton(p => NewAdmin(p));
        services.AddSingleton(p => new TopicDescriber(() => NewAdmin(p), TimeProvider.System));
        services.AddSingleton(p => new Breakers(Options<BreakerOptions>(p), TimeProvider.System, p.GetRequiredService<ProcessorMetrics>(), p.GetRequiredService<ILogger<Breakers>>()));
        services.AddSingleton(p => new RecordReading(new Turns(int.MaxValue), new ProcessingDeadline(Options<ProcessorsOptions>(p).ProcessingDeadline, TimeProvider.System),
            new FailureLimit(Options<ProcessorsOptions>(p).FaultyRecordsMax, TimeProvider.System)));
        services.AddSingleton<ITopicLogs>(p => new TopicLogs(p.GetRequiredService<IAdminClient>(), p.GetRequiredService<TopicDescriber>(), p.GetRequiredService<Breakers>().Kafka, TimeProvider.System));
        services.AddSingleton(p => new TopicSetup(p.GetRequiredService<IAdminClient>(), p.GetRequiredService<TopicDescriber>(), new NeededTopics(Options<KafkaOptions>(p), Options<KafkaOptions>(p).NamesFor(roles)), TimeProvider.System, p.GetRequiredService<ILogger<TopicSetup>>()));
        services.AddSingleton<RoadServices>();
        services.AddSingleton(p => NpgsqlDataSource.Create(Options<PostgresOptions>(p).Build("pipeline-processors")));
        services.AddSingleton<DeadLetterWriter>();
        services.AddSingleton<SchemaAtStart>();
        services.AddHostedService(p => p.GetRequiredService<SchemaAtStart>());
        services.AddSingleton(p =>
        {
            var watch = new RetentionWatch(Options<RetentionOptions>(p), TimeProvider.System);
            p.GetRequiredService<ProcessorMetrics>().Watch(watch);
            return watch;
        });
        if (roles.Contains(Roles.EventsPostgres))
            AddEventsPostgres(services);
        if (roles.Contains(Roles.EventsInflux))
            AddEventsInflux(services);
        if (roles.Contains(Roles.Failures))
        {
            services.AddFailures();
            services.AddDeadRequests();
        }
        if (roles.Contains(Roles.Engine) || roles.Contains(Roles.Analysis))
        {
            services.AddEngine();
            builder.AddGrpcAddresses();
            builder.TakeLargeBodies();
        }
        if (roles.Contains(Roles.Analysis))
            services.AddAnalysis();
        if (roles.Contains(Roles.ResultsPostgres))
            services.AddResultsPostgres();
        if (roles.Contains(Roles.EventsInflux) || roles.Contains(Roles.Schedules))
            AddInflux(services);
        if (roles.Contains(Roles.Schedules))
            services.AddSchedules();
        AddHealth(services, roles);
        services.AddSingleton<PrometheusText>();
        services.AddSingleton(p => Sdk.CreateMeterProviderBuilder().AddMeter(ProcessorMetrics.MeterName, DependencyWatch.MeterName, "System.Runtime")
            .AddReader(p.GetRequiredService<PrometheusText>().Reader).Build());
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
    }

    static void AddEventsPostgres(IServiceCollection services)
    {
        services.AddArea<DeadLetterQuotaOptions>(DeadLetterQuotaOptions.Section);
        services.AddSingleton(p => new DeadLetterQuota(Options<DeadLetterQuotaOptions>(p), TimeProvider.System));
        services.AddSingleton<FloodWriter>();
        services.AddSingleton<FloodWatch>();
        services.AddHostedService(p => p.GetRequiredService<FloodWatch>());
        AddRoad(services, (p, _) => NewEventsPostgres(p), p => p.GetRequiredService<SchemaAtStart>().Ready);
        AddErasure(services, p =>
        {
            var tools = p.GetRequiredService<ErasureTools>();
            var postgres = new PostgresErasure(tools.Sessions, tools.Armed);
            var rabbit = p.GetRequiredService<IConfiguration>().GetSection(RabbitMqOptions.Section);
            var expiries = new Expiries(p.GetRequiredService<IAdminClient>(), Options<KafkaOptions>(p), rabbit.Exists() ? rabbit.Get<RabbitMqOptions>() : null, TimeProvider.System);
            return new ErasedStore(ErasureRequests.Postgres, async (request, stop) =>
            {
                await tools.Requests.NoteExpiriesAsync(request.Id, await expiries.ReadAsync(request.ReceivedUntil, stop), stop);
                return await postgres.EraseAsync(request, stop);
            }, postgres.FindAsync);
        });
        services.AddSingleton<IHostedService>(NewClosedDays);
        services.AddSingleton<IHostedService>(p => new RetentionWorker(NewRetention(p), p.GetRequiredService<RetentionWatch>(), TimeProvider.System, p.GetRequiredService<ILogger<RetentionWorker>>(), p.GetRequiredService<IHostApplicationLifetime>()));
    }

    static ClosedDaysWorker NewClosedDays(IServiceProvider p)
    {
        var settings = Options<PostgresOptions>(p).Build("pipeline-closed-days");
        settings.Pooling = false;
        settings.CommandTimeout = 300;
        settings.Options = $"{settings.Options} -c idle_in_transaction_session_timeout=5s".TrimStart();
        return new ClosedDaysWorker(new DaysTools(NpgsqlDataSource.Create(settings), Options<ProcessorsOptions>(p).DaysInterval, p.GetRequiredService<SchemaAtStart>().Ready, ArmedPoints.FromEnvironment<DaysPoint>()),
            TimeProvider.System, p.GetRequiredService<ILogger<ClosedDaysWorker>>());
    }

    static RetentionTools NewRetention(IServiceProvider p)
    {
        var settings = Options<PostgresOptions>(p).Build("pipeline-retention");
        settings.Pooling = false;
        // Letters and pages of the ledger are read in rounds, each of them bounded.
        settings.CommandTimeout = 300;
        // A process that stands still gives up what it holds: a week's lock within seconds, its turn within minutes.
        settings.Options = $"{settings.Options} -c idle_in_transaction_session_timeout=5s -c idle_session_timeout=5min".TrimStart();
        return new RetentionTools(Options<RetentionOptions>(p), NpgsqlDataSource.Create(settings), new TopicMemories(p.GetRequiredService<IAdminClient>(), Options<KafkaOptions>(p)),
            p.GetRequiredService<ITopicLogs>(), p.GetRequiredService<SchemaAtStart>().Ready) { Metrics = p.GetRequiredService<ProcessorMetrics>() };
    }

    static EventsPostgresRoad NewEventsPostgres(IServiceProvider p)
    {
        var settings = Options<PostgresOptions>(p).Build("pipeline-events-postgres");
        // A log's owner is one session: a pooled connection would come back as another owner's.
        settings.Pooling = false;
        var kafka = Options<KafkaOptions>(p);
        var owner = $"{Environment.MachineName}:{Environment.ProcessId}:{Guid.NewGuid():N}";
        var (sessions, armed) = (NpgsqlDataSource.Create(settings), ArmedPoints.FromEnvironment());
        var road = new EventsPostgresSettings(p.GetRequiredService<Breakers>().Postgres, p.GetRequiredService<RecordReading>(), p.GetRequiredService<ProcessorMetrics>(),
            TimeProvider.System, p.GetRequiredService<ILogger<EventsPostgresRoad>>(), Options<ProcessorsOptions>(p).BatchEventsMax) { Floods = p.GetRequiredService<FloodWatch>() };
        return new EventsPostgresRoad(kafka, p.GetRequiredService<ITopicLogs>(),
            topic => new PostgresEventStore(sessions, new LogOwnership(new OwnershipRules(owner, kafka.AcceptNewLogs, topic.Tenant)), armed), road);
    }

    static void AddErasure(IServiceCollection services, Func<IServiceProvider, ErasedStore> store)
    {
        services.TryAddSingleton(p =>
        {
            var settings = Options<PostgresOptions>(p).Build("pipeline-erasure");
            settings.Pooling = false;
            // Scans of all events take as long as they take; they hold nobody up.
            settings.CommandTimeout = 0;
            return new ErasureTools(new ErasureRequests(p.GetRequiredService<NpgsqlDataSource>()), NpgsqlDataSource.Create(settings), p.GetRequiredService<SchemaAtStart>().Ready,
                ArmedPoints.FromEnvironment<ErasurePoint>());
        });
        services.AddSingleton<IHostedService>(p => new ErasureWorker(store(p), p.GetRequiredService<ErasureTools>(), TimeProvider.System, p.GetRequiredService<ILogger<ErasureWorker>>()));
    }

    static void AddInflux(IServiceCollection services)
    {
        services.AddArea<InfluxOptions>(InfluxOptions.Section);
        services.AddSingleton(p => new InfluxWriter(Options<InfluxOptions>(p)));
        services.AddSingleton(p => new Dependency("influxdb", TimeProvider.System, p.GetRequiredService<InfluxWriter>().PingAsync));
    }

    static void AddEventsInflux(IServiceCollection services)
    {
        services.AddSingleton<KilledRecords>();
        services.AddSingleton<PointWriter>();
        AddRoad(services, (p, host) => new EventsInfluxRoad(Options<KafkaOptions>(p), p.GetRequiredService<PointWriter>(),
            new EventsInfluxSettings(new CommittedPlace(p.GetRequiredService<ITopicLogs>(), host.CommittedAsync, p.GetRequiredService<PointWriter>().PlaceLost), p.GetRequiredService<KilledRecords>(), p.GetRequiredService<RecordReading>(), TimeProvider.System)
            {
                Erasures = p.GetRequiredService<TombstoneReader>(),
                Postgres = p.GetRequiredService<Breakers>().Postgres,
                PostgresPatience = Options<ProcessorsOptions>(p).RoleSet.Contains(Roles.EventsPostgres) ? TimeSpan.FromSeconds(30) : TimeSpan.Zero,
            }), p => p.GetRequiredService<SchemaAtStart>().Ready);
        services.AddSingleton<TombstoneReader>();
        services.AddSingleton(p => new InfluxErasure(Options<InfluxOptions>(p)));
        services.AddSingleton<IHostedService>(p => new PointRetentionWorker(new InfluxRetention(Options<InfluxOptions>(p)), Options<RetentionOptions>(p), p.GetRequiredService<RetentionWatch>(), TimeProvider.System, p.GetRequiredService<ILogger<PointRetentionWorker>>()));
        AddErasure(services, p => new InfluxStore(p.GetRequiredService<InfluxErasure>(), p.GetRequiredService<ErasureTools>(), Options<InfluxOptions>(p).Timeout, TimeProvider.System).Erased);
    }

    /// <param name="ready">The road begins when this completes.</param>
    public static void AddRoad(IServiceCollection services, Func<IServiceProvider, RoadHost, IRoad> newRoad, Func<IServiceProvider, Task> ready) =>
        services.AddSingleton<IHostedService>(p => new RoadHost(host => newRoad(p, host), ready(p), p.GetRequiredService<IOptions<KafkaOptions>>(),
            p.GetRequiredService<IOptions<ProcessorsOptions>>(), p.GetRequiredService<RoadServices>()));

    static void AddHealth(IServiceCollection services, IReadOnlySet<string> roles)
    {
        // Asked by a client of its own, so that health does not wait for what the roads ask.
        services.AddSingleton(p =>
        {
            var describer = new TopicDescriber(() => NewAdmin(p), TimeProvider.System);
            return new Dependency(Dependencies.Kafka, TimeProvider.System, stop => describer.DescribeAsync(Options<KafkaOptions>(p).NamesFor(roles), TimeSpan.FromSeconds(3), stop));
        });
        services.AddSingleton<ClockSkew>();
        services.AddSingleton(p => new Dependency("postgres", TimeProvider.System, p.GetRequiredService<ClockSkew>().AskAsync));
        services.AddSingleton<DependencyWatch>();
        services.AddHostedService(p => p.GetRequiredService<DependencyWatch>());
    }

    static IAdminClient NewAdmin(IServiceProvider services) => new AdminClientBuilder(Options<KafkaOptions>(services).Admin()).SetLogHandler((_, _) => { }).Build();

    static T Options<T>(IServiceProvider services) where T : class => services.GetRequiredService<IOptions<T>>().Value;
}
