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
        services.AddSingleton(p => new ScheduleList(ScheduleFile.Read(Settings(p).SchedulesPath), Settings(p).SchedulesPath));
        services.AddSingleton(p => new ScheduleTools(new ScheduledRuns(p.GetRequiredService<NpgsqlDataSource>()), p.GetRequiredService<TopicProducer>(),
            p.GetRequiredService<IOptions<KafkaOptions>>().Value, p.GetRequiredService<Breakers>(), p.GetRequiredService<SchemaAtStart>().Ready));
        services.AddSingleton<IHostedService>(p => new ScheduledAnalyses(p.GetRequiredService<ScheduleList>(), p.GetRequiredService<ScheduleTools>(), TimeProvider.System, p.GetRequiredService<ILogger<ScheduledAnalyses>>()));
        services.AddSingleton<IHostedService>(p => new ScheduledPoints(p.GetRequiredService<ScheduleList>(), p.GetRequiredService<ScheduleTools>(), p.GetRequiredService<InfluxWriter>(), Settings(p),
            p.GetRequiredService<ILogger<ScheduledPoints>>()));
    }

    static AnalysisSettings Settings(IServiceProvider services) => services.GetRequiredService<IOptions<AnalysisSettings>>().Value;
}
