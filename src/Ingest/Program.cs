using Microsoft.Extensions.Options;
using Npgsql;
using OpenTelemetry.Metrics;
using Pipeline.Ingest;
using Pipeline.Ingest.Events;
using Pipeline.Ingest.Health;
using Pipeline.Ingest.Statistics;
using Pipeline.Sinks.Hosting;
using Pipeline.Sinks.Postgres;

if (args.Contains("--version"))
{
    Console.WriteLine($"pipeline-ingest {IngestHost.Version}");
    return 0;
}
// Settings lie beside the program, wherever it is started from.
var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
builder.AddIngest();
var app = builder.Build();

var errors = PipelineConfiguration.Errors(app.Services, app.Configuration, IngestHost.Sections);
foreach (var error in errors)
    Console.Error.WriteLine($"configuration: {error}");
if (errors.Count > 0 || args.Contains("--validate"))
{
    Console.WriteLine(errors.Count == 0 ? "configuration: valid" : $"configuration: {errors.Count} errors");
    return errors.Count == 0 ? 0 : 1;
}
if (args.Contains("--migrate"))
    return await Migrations.RunAsync(app.Services.GetRequiredService<NpgsqlDataSource>());

// Not where options are configured: the host reads its own while it is built, before ours are known to be valid.
app.Services.GetRequiredService<IOptions<HostOptions>>().Value.ShutdownTimeout = app.Services.GetRequiredService<IOptions<IngestOptions>>().Value.StopBudget;
// Measuring starts with the provider; made only at the first scrape, it would miss everything before.
app.Services.GetRequiredService<MeterProvider>();
app.Services.GetRequiredService<IngestMetrics>();
Problem.Map(app);
app.UseCors();
app.MapHealth();
app.MapRoot();
var api = app.MapGroup("/api/v1");
api.MapHealth();
api.MapEvents();
api.MapStatistics();
await app.RunAsync();
return Environment.ExitCode;
