using Confluent.Kafka;
using Microsoft.Extensions.Options;

namespace Pipeline.Processors.Consuming;

/// <summary>Runs one road for the life of the process: its poll thread, its workers, and their end in order.</summary>
sealed class RoadHost(
    Func<RoadHost, IRoad> newRoad, Task ready, IOptions<KafkaOptions> kafka, IOptions<ProcessorsOptions> options, RoadServices services) : BackgroundService
{
    readonly CancellationTokenSource _abort = new();
    RecordPoller? _poller;

    public string Name { get; private set; } = "";

    public IEnumerable<PartitionWorker> Workers => _poller?.Workers ?? [];

    /// <summary>See <see cref="RecordPoller.CommittedAsync"/>.</summary>
    public Task<long?> CommittedAsync(TopicPartition partition, CancellationToken stop) => _poller!.CommittedAsync(partition, stop);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var road = newRoad(this);
        Name = road.Name;
        await ready.WaitAsync(stoppingToken);
        await services.Topics.EnsureAsync(stoppingToken);
        var settings = new WorkerSettings(road.Name, options.Value, new Turns(options.Value.ConcurrentBatchesMax), services.Clock, services.Metrics, services.Log, _abort.Token, Fail);
        using var poller = new RecordPoller(road, kafka.Value.Consumer(road.Name), (p, owner) => new PartitionWorker(p, road.Open(p), owner, settings), services.Log);
        _poller = poller;
        services.Log.Consuming(road.Name, string.Join(", ", road.TopicNames));

        var polling = Task.Factory.StartNew(() => poller.Run(stoppingToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            await polling;
        }
        catch (Exception e)
        {
            Fail(e);
        }
        // 1. Batches being written end, or are broken off when the budget is spent: nothing of a broken one counts.
        _abort.CancelAfter(options.Value.StopBudget);
        await poller.EndedAsync();
        // 2. Only then the group is left, with the last offsets committed.
        await Task.Run(poller.Close, CancellationToken.None);
    }

    void Fail(Exception e)
    {
        services.Log.Fatal(e, Name);
        Environment.ExitCode = 1;
        services.Lifetime.StopApplication();
    }

    public override void Dispose()
    {
        _abort.Dispose();
        base.Dispose();
    }
}

/// <summary>What every road needs of its host.</summary>
sealed record RoadServices(TopicSetup Topics, ProcessorMetrics Metrics, TimeProvider Clock, ILogger<RoadHost> Log, IHostApplicationLifetime Lifetime);
