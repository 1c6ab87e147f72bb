using Microsoft.Extensions.Options;
using Npgsql;
using Pipeline.Processors.Analysis.Requests;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Hosting;
using Pipeline.Sinks.Influx;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis.Schedules;

/// <summary>How hosts get scheduled analyses.</summary>
static class SchedulesHost
{
    /// <summary>Role schedules.</summary>
    public static void AddSchedules(this IServiceCollection services)
    {
        services.AddAnalysisSettings();
        services.AddTopicProducer();
        services.AddSingleton<IValidateOptions<AnalysisSettings>, FileValidation>();
        services.AddSingleton(p => new ScheduleList(ScheduleFile.Read(Settings(p).SchedulesPath), Settings(p).SchedulesPath));
        services.AddSingleton(p => new ScheduleTools(new ScheduledRuns(p.GetRequiredService<NpgsqlDataSource>()), p.GetRequiredService<TopicProducer>(),
            p.GetRequiredService<IOptions<KafkaOptions>>().Value, p.GetRequiredService<Breakers>(), p.GetRequiredService<SchemaAtStart>().Ready));
        services.AddSingleton<IHostedService>(p => new ScheduledAnalyses(p.GetRequiredService<ScheduleList>(), p.GetRequiredService<ScheduleTools>(), TimeProvider.System, p.GetRequiredService<ILogger<ScheduledAnalyses>>()));
        services.AddSingleton(p => new ScheduledPointsTools(new FinishedRuns(p.GetRequiredService<NpgsqlDataSource>(), p.GetRequiredService<IOptions<InfluxOptions>>().Value.Timeout), p.GetRequiredService<ScheduleTools>().Runs,
            p.GetRequiredService<InfluxWriter>(), p.GetRequiredService<Breakers>(), p.GetRequiredService<SchemaAtStart>().Ready));
        services.AddSingleton<IHostedService>(p => new ScheduledPoints(p.GetRequiredService<ScheduleList>(), p.GetRequiredService<ScheduledPointsTools>(), Settings(p).TasksFor, TimeProvider.System,
            p.GetRequiredService<ILogger<ScheduledPoints>>()));
    }

    /// <summary>The file is part of the configuration, the default one too.</summary>
    sealed class FileValidation : IValidateOptions<AnalysisSettings>
    {
        public ValidateOptionsResult Validate(string? name, AnalysisSettings options) =>
            ScheduleFile.Problem(options.SchedulesPath) is { } problem ? ValidateOptionsResult.Fail($"{nameof(AnalysisSettings)}.{nameof(AnalysisSettings.SchedulesFile)}: {problem}") : ValidateOptionsResult.Success;
    }

    static AnalysisSettings Settings(IServiceProvider services) => services.GetRequiredService<IOptions<AnalysisSettings>>().Value;
}
