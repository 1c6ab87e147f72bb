using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Npgsql;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Failures;
using Pipeline.Processors.Failures.RabbitMq;
using Pipeline.Sinks.Hosting;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis.Requests;

/// <summary>How hosts get what has to do with requests of the topic and their answers.</summary>
static class RequestsHost
{
    /// <summary>Role analysis: the road, its retries, and the queues of long requests.</summary>
    public static void AddAnalysis(this IServiceCollection services)
    {
        services.AddResultProducer();
        services.AddSingleton(p => new TaskExecution(p.GetRequiredService<NpgsqlDataSource>(), $"{Environment.MachineName}:{Environment.ProcessId}:{Guid.NewGuid():N}", Settings(p).Lease));
        services.AddSingleton(p => new GroupedAdmissions(p.GetRequiredService<TaskExecution>(), p.GetRequiredService<Breakers>().Postgres));
        services.AddSingleton(p => new RunningTasks(p.GetRequiredService<TaskExecution>(), p.GetRequiredService<Breakers>().Postgres, TimeProvider.System, p.GetRequiredService<ILogger<RunningTasks>>()));
        services.AddHostedService(p => p.GetRequiredService<RunningTasks>());
        services.AddSingleton(p => new JobPublisher(p.GetRequiredService<RabbitMqPublisher>(), p.GetRequiredService<RabbitMqTopology>().Names, p.GetRequiredService<ProcessorMetrics>()));
        services.AddSingleton(p => new RequestWork(new RequestTools(p.GetRequiredService<AnalysisEngine>(), p.GetRequiredService<TaskExecution>(), p.GetRequiredService<GroupedAdmissions>(),
            p.GetRequiredService<RunningTasks>(), p.GetRequiredService<ResultProducer>(), p.GetRequiredService<RetryLadder>(), p.GetRequiredService<RetrySchedule>(), p.GetRequiredService<Breakers>().Postgres, p.GetRequiredService<JobPublisher>(),
            Settings(p), p.GetRequiredService<ProcessorMetrics>(), TimeProvider.System)));
        services.AddRetriedRoad(Roles.Analysis, p =>
        {
            var (work, jobs) = (p.GetRequiredService<RequestWork>(), p.GetRequiredService<JobPublisher>());
            return new RetriedRoad(Roles.Analysis, (record, stop) => work.IsJob(record) ? jobs.PublishAsync([(record, RequestRecord.Read(record).Task.Priority)], stop) : work.ExecuteAsync(record, alone: false, stop))
            {
                HandleAloneAsync = (record, stop) => work.ExecuteAsync(record, alone: true, stop),
            };
        });
        foreach (var priority in JobReceiver.Priorities)
            services.AddSingleton(new JobQueue(Contracts.Analysis.AnalysisPriorities.Name(priority), Roles.Analysis));
        services.AddSingleton(p => new WeightedTurns(Settings(p).JobsMax, JobReceiver.Weights));
        services.AddSingleton<IHostedService>(p => new JobReceiver(p.GetRequiredService<RequestWork>(), p.GetRequiredService<RetryLadder>(), p.GetRequiredService<JobPublisher>(),
            p.GetRequiredService<FailureTools>(), p.GetRequiredService<WeightedTurns>(), Settings(p).JobsMax));
        ProcessorsHost.AddRoad(services, (p, host) => new AnalysisRoad(Kafka(p), new AnalysisRoadSettings(Place(p, host, Roles.Analysis), p.GetRequiredService<RequestWork>(),
            p.GetRequiredService<RecordReading>(), p.GetRequiredService<ProcessorMetrics>(), TimeProvider.System, p.GetRequiredService<GracefulStop>().Refusing)
            { ConcurrentBatchesMax = Settings(p).ConcurrentBatchesMax }),
            async p => await Task.WhenAll(p.GetRequiredService<SchemaAtStart>().Ready, p.GetRequiredService<TopologyAtStart>().Ready));
    }

    /// <summary>Role results-postgres.</summary>
    public static void AddResultsPostgres(this IServiceCollection services)
    {
        services.AddAnalysisSettings();
        services.AddSingleton<TaskAnswers>();
        services.TryAddSingleton<CachedResults>();
        services.AddSingleton<IHostedService>(p =>
        {
            var keeping = new TaskKeeping(AnswersAsync(p), Settings(p), TimeProvider.System, p.GetRequiredService<ILogger<TaskKeeping>>());
            p.GetRequiredService<ProcessorMetrics>().Watch(keeping);
            return keeping;
        });
        ProcessorsHost.AddRoad(services, (p, host) => new ResultsRoad(Kafka(p), new ResultsRoadSettings(Place(p, host, Roles.ResultsPostgres), p.GetRequiredService<TaskAnswers>(),
            p.GetRequiredService<DeadLetterWriter>(), p.GetRequiredService<Breakers>().Postgres, p.GetRequiredService<RecordReading>(), p.GetRequiredService<ProcessorMetrics>(), TimeProvider.System)),
            p => p.GetRequiredService<SchemaAtStart>().Ready);
    }

    /// <summary>Role failures: requests that became dead letters are answered.</summary>
    public static void AddDeadRequests(this IServiceCollection services)
    {
        services.AddResultProducer();
        services.AddSingleton(p => new DeadLetterFollower(Roles.Analysis, new DeadRequests(p.GetRequiredService<ResultProducer>()).AnswerAsync));
    }

    static void AddResultProducer(this IServiceCollection services)
    {
        services.AddTopicProducer();
        services.TryAddSingleton(p => new ResultProducer(p.GetRequiredService<TopicProducer>(), Kafka(p).ResultsTopic));
    }

    public static void AddTopicProducer(this IServiceCollection services) =>
        services.TryAddSingleton(p => new TopicProducer(Kafka(p), p.GetRequiredService<Breakers>().Kafka, p.GetRequiredService<ILogger<TopicProducer>>()));

    static CommittedPlace Place(IServiceProvider p, RoadHost host, string road) => new(p.GetRequiredService<ITopicLogs>(), host.CommittedAsync, (partition, offset, extent) =>
    {
        p.GetRequiredService<ProcessorMetrics>().PlaceLost(road, Math.Max(0, extent.Start - offset));
        p.GetRequiredService<ILogger<AnalysisRoad>>().PlaceLost(road, partition.ToString(), offset, extent.Start, extent.End);
    });

    static async Task<(TaskAnswers, CachedResults, Breaker)> AnswersAsync(IServiceProvider services)
    {
        await services.GetRequiredService<SchemaAtStart>().Ready;
        return (services.GetRequiredService<TaskAnswers>(), services.GetRequiredService<CachedResults>(), services.GetRequiredService<Breakers>().Postgres);
    }

    static AnalysisSettings Settings(IServiceProvider services) => services.GetRequiredService<IOptions<AnalysisSettings>>().Value;

    static KafkaOptions Kafka(IServiceProvider services) => services.GetRequiredService<IOptions<KafkaOptions>>().Value;
}
