using System.Reflection;
using System.Text.Json;
using Confluent.Kafka;
using Microsoft.Extensions.Options;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using Pipeline.Ingest.Engines;
using Pipeline.Ingest.Events;
using Pipeline.Ingest.Health;
using Pipeline.Ingest.Statistics;
using Pipeline.Ingest.Tasks;
using Pipeline.Sinks.Health;
using Pipeline.Sinks.Hosting;
using Pipeline.Sinks.Influx;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Erasure;
using Pipeline.Sinks.Postgres.Tasks;
using Pipeline.Sinks.Prometheus;

namespace Pipeline.Ingest;

/// <summary>What the host is made of.</summary>
static class IngestHost
{
    const string StatisticsPool = "statistics";

    public static readonly string[] Sections = [KafkaOptions.Section, IngestOptions.Section, PostgresOptions.Section, InfluxOptions.Section, EngineOptions.Section];

    public static string Version => typeof(IngestHost).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    public static void AddIngest(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddArea<KafkaOptions>(KafkaOptions.Section);
        services.AddArea<IngestOptions>(IngestOptions.Section).Validate<IOptions<KafkaOptions>>(LeavesTimeToAnswer,
            $"{nameof(IngestOptions)}.{nameof(IngestOptions.StopBudget)}: must be longer than {KafkaOptions.Section}:{nameof(KafkaOptions.DeliveryTimeout)}, so that a stop answers what was received.");
        services.AddArea<PostgresOptions>(PostgresOptions.Section);
        services.AddArea<EngineOptions>(EngineOptions.Section);
        services.AddSingleton<EnginePool>();
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(p => new InFlightBytes(Options<IngestOptions>(p).InFlightBytesMax));
        services.AddSingleton<KafkaState>();
        services.AddSingleton<EventProducer>();
        services.AddSingleton<IngestMetrics>();
        services.AddSingleton<Readiness>();
        services.AddSingleton(p => NpgsqlDataSource.Create(Options<PostgresOptions>(p).Build("pipeline-ingest")));
        AddStatistics(services);
        services.AddSingleton<IngestCountWriter>();
        services.AddSingleton<IngestCounts>();
        services.AddHostedService(p => p.GetRequiredService<IngestCounts>());
        services.AddSingleton<ErasureRequests>();
        services.AddSingleton<TaskRequests>();
        services.AddSingleton<TaskReader>();
        services.AddSingleton<CachedResults>();
        services.AddSingleton<RequestProducer>();
        services.AddSingleton<TaskWaits>();
        services.AddHostedService(p => p.GetRequiredService<TaskWaits>());
        services.AddSingleton<FloodReader>();
        services.AddSingleton<FloodWatch>();
        services.AddHostedService(p => p.GetRequiredService<FloodWatch>());
        services.AddHostedService<SchemaAtStart>();
        services.AddHostedService<FlushAtStop>();
        // Accepting events needs no InfluxDB: where none is configured, there is nothing to validate, to ask or to watch.
        if (builder.Configuration.GetSection(InfluxOptions.Section).Exists())
            AddInflux(services);
        AddHealth(services);
        AddMetrics(services);
        AddWeb(builder);
    }

    /// <summary>Questions that may last seconds have a pool of their own, so that tasks and health do not stand behind them.</summary>
    static void AddStatistics(IServiceCollection services)
    {
        services.AddKeyedSingleton(StatisticsPool, (p, _) => NpgsqlDataSource.Create(Options<PostgresOptions>(p).Build("pipeline-statistics")));
        AddReader(database => new MetricsReader(database));
        AddReader(database => new MemberReader(database));
        AddReader(database => new QualityReader(database));
        AddReader(database => new RawCountsReader(database));
        AddReader(database => new RhythmReader(database));
        AddReader(database => new DeadLetterReader(database));
        services.AddSingleton<MemberFigures>();
        void AddReader<T>(Func<NpgsqlDataSource, T> make) where T : class => services.AddSingleton(p => make(p.GetRequiredKeyedService<NpgsqlDataSource>(StatisticsPool)));
    }

    static void AddInflux(IServiceCollection services)
    {
        services.AddArea<InfluxOptions>(InfluxOptions.Section);
        services.AddSingleton(p => new PerformanceReader(Options<InfluxOptions>(p)));
        services.AddSingleton(p => new Dependency("influxdb", TimeProvider.System, p.GetRequiredService<PerformanceReader>().PingAsync));
    }

    static void AddHealth(IServiceCollection services)
    {
        services.AddSingleton(p => new Dependency("kafka", TimeProvider.System,
            _ => HealthEndpoints.AskKafkaAsync(p.GetRequiredService<EventProducer>(), Options<KafkaOptions>(p), p.GetRequiredService<KafkaState>())));
        services.AddSingleton<ClockSkew>();
        services.AddSingleton(p => new Dependency("postgres", TimeProvider.System, p.GetRequiredService<ClockSkew>().AskAsync));
        services.AddSingleton<DependencyWatch>();
        services.AddHostedService(p => p.GetRequiredService<DependencyWatch>());
    }

    static void AddMetrics(IServiceCollection services)
    {
        services.AddSingleton<PrometheusText>();
        services.AddSingleton(p => Sdk.CreateMeterProviderBuilder()
            .AddMeter(IngestMetrics.MeterName, DependencyWatch.MeterName, "System.Runtime", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel")
            .AddReader(p.GetRequiredService<PrometheusText>().Reader).Build());
    }

    static void AddWeb(WebApplicationBuilder builder)
    {
        builder.Services.AddOpenApi("v1");
        builder.Services.ConfigureHttpJsonOptions(o => o.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower);
        builder.Services.AddCors();
        builder.Services.AddOptions<Microsoft.AspNetCore.Cors.Infrastructure.CorsOptions>().Configure<IOptions<IngestOptions>>((cors, ingest) =>
            cors.AddDefaultPolicy(policy =>
            {
                policy.WithOrigins([.. ingest.Value.AllowedOrigins]).AllowAnyHeader().WithMethods("GET", "POST", "DELETE")
                    .WithExposedHeaders("Retry-After").SetPreflightMaxAge(TimeSpan.FromHours(2));
                if (ingest.Value.AllowCredentials)
                    policy.AllowCredentials();
            }));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // The body's own limit is checked where it is read, so that the decompressed size counts and the answer has our form.
            kestrel.Limits.MaxRequestBodySize = null;
        });
    }

    static bool LeavesTimeToAnswer(IngestOptions ingest, IOptions<KafkaOptions> kafka)
    {
        try
        {
            return ingest.StopBudget > kafka.Value.DeliveryTimeout;
        }
        catch (OptionsValidationException)
        {
            // Reported by the area that it belongs to.
            return true;
        }
    }

    static T Options<T>(IServiceProvider services) where T : class => services.GetRequiredService<IOptions<T>>().Value;
}

/// <summary>The last thing before the end: every delivery report that still can come. Usually none, because each request waits for its own.</summary>
sealed class FlushAtStop(EventProducer producer) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.Run(() => producer.Flush(cancellationToken), CancellationToken.None);
}
