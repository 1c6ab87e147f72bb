using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Npgsql;
using OpenTelemetry.Metrics;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Sinks.Hosting;

/// <summary>What one host is made of, for the program that both hosts are.</summary>
public sealed record HostProgram(string Name, string Version, string[] Sections)
{
    /// <summary>Adds the services.</summary>
    public required Action<WebApplicationBuilder> Add { get; init; }

    /// <summary>Maps what is served.</summary>
    public required Action<WebApplication> Map { get; init; }

    public required Func<IServiceProvider, StopTimes> Stop { get; init; }

    /// <summary>A command of this host alone: its exit code, or null where the arguments name none.</summary>
    public Func<IServiceProvider, string[], Task<int>?> Command { get; init; } = (_, _) => null;

    /// <summary><c>--version</c>, <c>--validate</c>, <c>--migrate</c>, the host's own command, or else the host until it is stopped.</summary>
    public async Task<int> RunAsync(string[] args)
    {
        if (args.Contains("--version"))
        {
            Console.WriteLine($"{Name} {Version}");
            return 0;
        }
        // Settings lie beside the program, wherever it is started from.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        Add(builder);
        builder.Services.AddSingleton(Stop).AddSingleton<GracefulStop>().AddHostedService(p => p.GetRequiredService<GracefulStop>());
        var app = builder.Build();

        var errors = PipelineConfiguration.Errors(app.Services, app.Configuration, Sections);
        foreach (var error in errors)
            Console.Error.WriteLine($"configuration: {error}");
        if (errors.Count > 0 || args.Contains("--validate"))
        {
            Console.WriteLine(errors.Count == 0 ? "configuration: valid" : $"configuration: {errors.Count} errors");
            return errors.Count == 0 ? 0 : 1;
        }
        if (args.Contains("--migrate"))
            return await Migrations.RunAsync(app.Services.GetRequiredService<NpgsqlDataSource>());
        return await (Command(app.Services, args) ?? ServeAsync(app));
    }

    async Task<int> ServeAsync(WebApplication app)
    {
        var times = app.Services.GetRequiredService<StopTimes>();
        // Not where options are configured: the host reads its own while it is built, before ours are known to be valid.
        app.Services.GetRequiredService<IOptions<HostOptions>>().Value.ShutdownTimeout = times.Host;
        // Measuring starts with the provider; made only at the first scrape, it would miss everything before.
        app.Services.GetRequiredService<MeterProvider>();
        Map(app);
        using var lastWord = new LastWord(times.Most, TimeProvider.System, app.Lifetime.ApplicationStopping);
        await app.RunAsync();
        return Environment.ExitCode;
    }
}
