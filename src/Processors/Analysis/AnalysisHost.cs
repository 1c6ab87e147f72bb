using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Npgsql;
using Pipeline.Processors.Analysis.Http;
using Pipeline.Processors.Analysis.Python;
using Pipeline.Processors.Analysis.Requests;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Hosting;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis;

/// <summary>The bytes of float64 bodies and of gRPC messages together.</summary>
sealed record BinaryBodies(InFlightBytes InFlight);

/// <summary>What roles <c>engine</c> and <c>analysis</c> execute with.</summary>
static class AnalysisHost
{
    const int BlockBytes = 64 * 1024;

    /// <summary>What a client may send by HTTP/2 before it hears of us. By the server's own 768 KiB it stands still ten times in 8 MB.</summary>
    const int WindowBytes = 2 * 1024 * 1024;

    /// <summary>Once, whichever roles ask for them.</summary>
    public static void AddAnalysisSettings(this IServiceCollection services)
    {
        if (!services.Any(s => s.ServiceType == typeof(IConfigureOptions<AnalysisSettings>)))
            services.AddArea<AnalysisSettings>(AnalysisSettings.Section);
    }

    public static void AddEngine(this IServiceCollection services)
    {
        services.AddAnalysisSettings();
        services.AddSingleton(p => new PythonEngine(Settings(p), TimeProvider.System, p.GetRequiredService<ILogger<PythonEngine>>()));
        services.AddHostedService(p => p.GetRequiredService<PythonEngine>());
        services.AddSingleton(p => new ResultCache(Settings(p), TimeProvider.System));
        services.TryAddSingleton<CachedResults>();
        services.AddSingleton(p =>
        {
            var shared = new SharedCache(p.GetRequiredService<CachedResults>(), Settings(p), p.GetRequiredService<Breakers>().Postgres);
            p.GetRequiredService<ProcessorMetrics>().Watch(p.GetRequiredService<ResultCache>(), shared);
            return shared;
        });
        services.AddSingleton(p => new AnalysisEngine(Settings(p), p.GetRequiredService<PythonEngine>(), p.GetRequiredService<ResultCache>(), TimeProvider.System, p.GetRequiredService<ILogger<AnalysisEngine>>())
        {
            Metrics = p.GetRequiredService<ProcessorMetrics>(),
            Shared = p.GetRequiredService<SharedCache>(),
            Stored = new StoredInputs(new MetricsReader(p.GetRequiredService<NpgsqlDataSource>()), new MemberReader(p.GetRequiredService<NpgsqlDataSource>()), new DurationReader(p.GetRequiredService<NpgsqlDataSource>()),
                p.GetRequiredService<Breakers>().Postgres, TimeProvider.System),
        });
        services.AddSingleton(p => new AnalysisBodies(Settings(p)));
        services.AddSingleton(p => new BinaryBodies(new InFlightBytes(Settings(p).InFlightBytesMax)));
        services.AddSingleton(p => new Float64Bodies(p.GetRequiredService<AnalysisEngine>(), Settings(p), p.GetRequiredService<BinaryBodies>().InFlight));
        services.AddSingleton<IAnalysisEngine>(p => p.GetRequiredService<AnalysisEngine>());
    }

    /// <summary>What the server needs for bodies of megabytes.</summary>
    public static void TakeLargeBodies(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>>(new LargeBlocks(BlockBytes));
        builder.WebHost.ConfigureKestrel(kestrel => (kestrel.Limits.Http2.InitialConnectionWindowSize, kestrel.Limits.Http2.InitialStreamWindowSize) = (WindowBytes, WindowBytes));
    }

    static AnalysisSettings Settings(IServiceProvider services) => services.GetRequiredService<IOptions<AnalysisSettings>>().Value;

    /// <summary>For <c>/health</c>; null where the role does not run here.</summary>
    public static object? State(IServiceProvider services) => services.GetService<AnalysisEngine>() is { } engine && services.GetRequiredService<PythonEngine>() is var python
        ? new
        {
            algorithms = engine.Algorithms.Count,
            running = engine.Running,
            running_tasks = services.GetService<RunningTasks>()?.Count,
            bytes_in_flight = services.GetRequiredService<BinaryBodies>().InFlight.Bytes,
            cache = services.GetRequiredService<ResultCache>().Figures,
            shared_cache = new { hits = services.GetRequiredService<SharedCache>().Figures.Hits, misses = services.GetRequiredService<SharedCache>().Figures.Misses },
            python = python.State,
            workers = new { living = python.Pool.Living, idle = python.Pool.Idle, waiting = python.Pool.Waiting, retired = python.Pool.Retired },
            refused_files = python.Catalogue.Faults,
        } : null;
}
