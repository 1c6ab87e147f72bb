using Microsoft.Extensions.Options;
using Npgsql;
using OpenTelemetry.Metrics;
using Pipeline.Processors;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Health;
using Pipeline.Sinks.Hosting;
using Pipeline.Sinks.Postgres;

if (args.Contains("--version"))
{
    Console.WriteLine($"pipeline-processors {ProcessorsHost.Version}");
    return 0;
}
// Settings lie beside the program, wherever it is started from.
var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
builder.AddProcessors();
var app = builder.Build();

var errors = PipelineConfiguration.Errors(app.Services, app.Configuration, ProcessorsHost.Sections);
foreach (var error in errors)
    Console.Error.WriteLine($"configuration: {error}");
if (errors.Count > 0 || args.Contains("--validate"))
{
    Console.WriteLine(errors.Count == 0 ? "configuration: valid" : $"configuration: {errors.Count} errors");
    return errors.Count == 0 ? 0 : 1;
}
if (args.Contains("--migrate"))
    return await Migrations.RunAsync(app.Services.GetRequiredService<NpgsqlDataSource>());
if (args is ["--accept", .. var accepted])
    return await AcceptCommand.RunAsync(app.Services.GetRequiredService<NpgsqlDataSource>(), app.Services.GetRequiredService<ITopicLogs>(), accepted);

// Not where options are configured: the host reads its own while it is built, before ours are known to be valid.
app.Services.GetRequiredService<IOptions<HostOptions>>().Value.ShutdownTimeout = app.Services.GetRequiredService<IOptions<ProcessorsOptions>>().Value.StopBudget + TimeSpan.FromSeconds(5);
app.Services.GetRequiredService<MeterProvider>();
app.Services.GetRequiredService<ProcessorMetrics>();
app.MapHealth();
app.MapGroup("/api/v1").MapHealth();
await app.RunAsync();
return Environment.ExitCode;
