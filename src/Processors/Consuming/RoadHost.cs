using Confluent.Kafka;
using Microsoft.Extensions.Options;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Hosting;

namespace Pipeline.Processors.Consuming;

/// <summary>Runs one road for the life of the process: its poll thread, its workers, and their end in order.</summary>
sealed class RoadHost(
    Func<RoadHost, IRoad> newRoad, Task ready, IOptions<KafkaOptions> kafka, IOptions<ProcessorsOptions> options, RoadServices services) : BackgroundService
{
    RecordPoller? _poller;

    public string Name { get; private set; } = "";

    public IEnumerable<PartitionWorker> Workers => _poller?.Workers ?? [];

    public GroupState Group => _poller?.Group ?? GroupState.Unknown;

    /// <summary>See <see cref="RecordPoller.CommittedAsync"/>.</summary>
    public Task<long?> CommittedAsync(TopicPartition partition, CancellationToken stop) => _poller!.CommittedAsync(partition, stop);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var road = newRoad(this);
        Name = road.Name;
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, services.Stop.Refusing);
        await ready.WaitAsync(ending.Token);
        await services.Topics.EnsureAsync(ending.Token);
        var settings = new WorkerSettings(road.Name, options.Value, new Turns(road.ConcurrentBatchesMax ?? options.Value.ConcurrentBatchesMax), services.Clock, services.Metrics, services.Log, services.Stop.Abandoning, Fail);
        settings = settings with { Linger = road.Linger ?? settings.Linger };
        var poller = new RecordPoller(road, kafka.Value.Consumer(road.Name, settings.Linger), (p, owner) => new PartitionWorker(p, road.Open(p), owner, settings), services.Metrics, services.Log);
        _poller = poller;
        services.Metrics.Watch(this);
        services.Log.Consuming(road.Name, string.Join(", ", road.TopicNames));

        var polling = Task.Factory.StartNew(() => poller.Run(ending.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            await polling;
        }
        catch (Exception e)
        {
            Fail(e);
        }
        // 1. Batches being written end, or are broken off when the budget is spent: nothing of a broken one counts.
        await poller.EndedAsync();
        // 2. Only then the group is left, with the last offsets committed.
        await LeaveAsync(poller);
    }

    /// <summary>A broker that hangs is not waited for: the group misses this member when its session has timed out.</summary>
    async Task LeaveAsync(RecordPoller poller)
    {
        var leaving = Task.Run(() =>
        {
            poller.Close();
            poller.Dispose();
        }, CancellationToken.None);
        try
        {
            await leaving.WaitAsync(StopTimes.Closing, services.Clock);
        }
        catch (TimeoutException)
        {
            services.Log.GroupNotLeft(Name);
        }
    }

    void Fail(Exception e)
    {
        // An orderly end would tell the next owners that nothing happened, and whoever met it need not be who took the memory.
        if (e is OutOfMemoryException)
            ProcessingDeadline.EndProcess($"{Name}: {e.Message}");
        services.Log.Fatal(e, Name);
        Environment.ExitCode = 1;
        services.Lifetime.StopApplication();
    }
}

/// <summary>What every road needs of its host.</summary>
sealed record RoadServices(TopicSetup Topics, ProcessorMetrics Metrics, TimeProvider Clock, ILogger<RoadHost> Log, IHostApplicationLifetime Lifetime, GracefulStop Stop);
