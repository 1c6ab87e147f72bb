using Microsoft.Extensions.Options;
using Pipeline.Processors.Analysis.Http;
using Pipeline.Processors.Analysis.Python;
using Pipeline.Sinks.Hosting;

namespace Pipeline.Processors.Analysis;

/// <summary>What role <c>analysis</c> is made of.</summary>
static class AnalysisHost
{
    public static void AddAnalysis(this IServiceCollection services)
    {
        services.AddArea<AnalysisSettings>(AnalysisSettings.Section);
        services.AddSingleton(p => new PythonEngine(Settings(p), TimeProvider.System, p.GetRequiredService<ILogger<PythonEngine>>()));
        services.AddHostedService(p => p.GetRequiredService<PythonEngine>());
        services.AddSingleton(p => new ResultCache(Settings(p), TimeProvider.System));
        services.AddSingleton(p => new AnalysisEngine(Settings(p), p.GetRequiredService<PythonEngine>(), p.GetRequiredService<ResultCache>(), TimeProvider.System, p.GetRequiredService<ILogger<AnalysisEngine>>()));
        services.AddSingleton(p => new AnalysisBodies(Settings(p)));
        services.AddSingleton<IAnalysisEngine>(p => p.GetRequiredService<AnalysisEngine>());
    }

    static AnalysisSettings Settings(IServiceProvider services) => services.GetRequiredService<IOptions<AnalysisSettings>>().Value;

    /// <summary>For <c>/health</c>; null where the role does not run here.</summary>
    public static object? State(IServiceProvider services) => services.GetService<AnalysisEngine>() is { } engine && services.GetRequiredService<PythonEngine>() is var python
        ? new
        {
            algorithms = engine.Algorithms.Count,
            running = engine.Running,
            cache = services.GetRequiredService<ResultCache>().Figures,
            python = python.State,
            workers = new { living = python.Pool.Living, idle = python.Pool.Idle, waiting = python.Pool.Waiting, retired = python.Pool.Retired },
            refused_files = python.Catalogue.Faults,
        } : null;
}
