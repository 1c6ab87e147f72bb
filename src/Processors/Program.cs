using Microsoft.Extensions.Options;
using Npgsql;
using Pipeline.Processors;
using Pipeline.Processors.Analysis;
using Pipeline.Processors.Analysis.Grpc;
using Pipeline.Processors.Analysis.Http;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Health;
using Pipeline.Sinks.Hosting;

return await new HostProgram("pipeline-processors", ProcessorsHost.Version, ProcessorsHost.Sections)
{
    Add = builder => builder.AddProcessors(),
    Stop = services => services.GetRequiredService<IOptions<ProcessorsOptions>>().Value.StopTimes,
    Command = (services, args) => args is ["--accept", .. var accepted]
        ? AcceptCommand.RunAsync(services.GetRequiredService<NpgsqlDataSource>(), services.GetRequiredService<ITopicLogs>(), accepted) : null,
    Map = app =>
    {
        // Counters exist from the start.
        app.Services.GetRequiredService<ProcessorMetrics>();
        app.MapHealth();
        app.MapGroup("/api/v1").MapHealth();
        if (app.Services.GetService<IAnalysisEngine>() is not null)
            app.MapAnalysis();
        app.MapAnalytics();
    },
}.RunAsync(args);
