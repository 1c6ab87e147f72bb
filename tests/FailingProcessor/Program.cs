using Microsoft.Extensions.Options;
using Pipeline.FailingProcessor;
using Pipeline.Processors;
using Pipeline.Processors.Health;
using Pipeline.Sinks.Hosting;

if (args is ["--python", var folder, var algorithms])
    return await PythonHost.RunAsync(folder, algorithms);

// A processors' host with one road more, whose records say how they fail.
return await new HostProgram("failing-processor", ProcessorsHost.Version, ProcessorsHost.Sections)
{
    Add = builder =>
    {
        builder.AddProcessors();
        builder.Services.AddFailingRoad();
    },
    Stop = services => services.GetRequiredService<IOptions<ProcessorsOptions>>().Value.StopTimes,
    Map = app =>
    {
        app.Services.GetRequiredService<ProcessorMetrics>();
        app.MapHealth();
    },
}.RunAsync(args);
