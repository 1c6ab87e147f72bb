using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Pipeline.Ingest.Events;
using Pipeline.Ingest.Tasks;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Ingest.Tests.Host;

/// <summary>The host's own parts in this process, for tests that need a clock of their own or the client of Kafka itself. Events and requests share one topic.</summary>
sealed class IngestInProcess : IAsyncDisposable
{
    readonly WebApplication _app;

    IngestInProcess(WebApplication app) => (_app, Http) = (app, new HttpClient { BaseAddress = new Uri(app.Urls.Single()) });

    public HttpClient Http { get; }

    public IServiceProvider Services => _app.Services;

    public static async Task<IngestInProcess> StartAsync(string kafka, string topic, TestDatabase database, TimeSpan deliveryTimeout, TimeProvider? clock = null)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Pipeline:Kafka:BootstrapServers"] = kafka, ["Pipeline:Kafka:EventsTopic"] = topic, ["Pipeline:Kafka:RequestsTopic"] = topic,
            ["Pipeline:Kafka:DeliveryTimeout"] = $"{deliveryTimeout}", ["Pipeline:Ingest:StopBudget"] = $"{deliveryTimeout * 2}",
            ["Pipeline:Postgres:ConnectionString"] = database.Uri,
        });
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddIngest();
        if (clock is not null)
            builder.Services.AddSingleton(clock);
        var app = builder.Build();
        Problem.Map(app);
        var api = app.MapGroup("/api/v1");
        api.MapEvents();
        api.MapTasks();
        await app.StartAsync(TestContext.Current.CancellationToken);
        await Until.TrueAsync("the schema is there", TimeSpan.FromSeconds(60), database.HasSchemaAsync);
        return new IngestInProcess(app);
    }

    public async Task<Answer> PostAsync(string path, string body)
    {
        using var answer = await Http.PostAsync(new Uri(path, UriKind.Relative), new StringContent(body, System.Text.Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        return await Answer.OfAsync(answer);
    }

    public async Task<Answer> GetAsync(string path)
    {
        using var answer = await Http.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
        return await Answer.OfAsync(answer);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.DisposeAsync();
    }
}
