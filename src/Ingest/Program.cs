using Microsoft.Extensions.Options;
using Pipeline.Ingest;
using Pipeline.Ingest.Engines;
using Pipeline.Ingest.Erasures;
using Pipeline.Ingest.Events;
using Pipeline.Ingest.Health;
using Pipeline.Ingest.Operations;
using Pipeline.Ingest.Statistics;
using Pipeline.Ingest.Tasks;
using Pipeline.Sinks.Hosting;

return await new HostProgram("pipeline-ingest", IngestHost.Version, IngestHost.Sections)
{
    Add = builder => builder.AddIngest(),
    Stop = services => services.GetRequiredService<IOptions<IngestOptions>>().Value.StopTimes,
    Map = app =>
    {
        // Counters exist from the start.
        app.Services.GetRequiredService<IngestMetrics>();
        Problem.Map(app);
        app.UseCors();
        app.MapHealth();
        app.MapRoot();
        var api = app.MapGroup("/api/v1");
        api.MapHealth();
        api.MapEvents();
        api.MapEngines();
        var strict = api.MapGroup("").AddEndpointFilterFactory(KnownParameters.Refuse);
        strict.MapStatistics();
        strict.MapPerformance();
        strict.MapTasks();
        if (app.Services.GetRequiredService<IOptions<IngestOptions>>().Value.Operations)
        {
            api.MapGroup("ops").MapDeadLetters();
            strict.MapErasures();
            strict.MapGroup("ops").MapTaskMonitor();
            strict.MapGroup("ops").MapCache();
        }
    },
}.RunAsync(args);
