using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Events;
using Pipeline.Processors.Failures;

namespace Pipeline.Processors.Tests.Simulation;

/// <summary>One process of the role events-postgres: the product's workers, turns, road and readers over the simulated ends.</summary>
sealed class SimulatedProcess
{
    static readonly ProcessorMetrics Metrics = new(new Meters(), TimeProvider.System);

    static readonly KafkaOptions Kafka = new();

    readonly World _world;
    readonly CancellationTokenSource _abort = new();
    readonly WorkerSettings _workers;
    readonly ProcessorsOptions _options;
    readonly ITopicLogs _logs;
    readonly IRoad _road;

    public SimulatedProcess(World world, string name)
    {
        _world = world;
        Actor = world.NewActor(name);
        Poller = new SimulatedPoller(this, world);
        _options = world.Options;
        _logs = world.Bug == Bug.TopicAskedBefore ? new RememberedTopic(world) : world.Broker;
        _workers = new WorkerSettings("events-postgres", _options, new Turns(_options.ConcurrentBatchesMax), world.Order.Clock, Metrics, NullLogger.Instance, _abort.Token, Fail)
        {
            Scheduler = Actor,
            Random = world.Order.Random,
        };
        _road = NewRoad();
        world.Processes.Add(this);
    }

    public Actor Actor { get; }

    public SimulatedPoller Poller { get; }

    /// <summary>Whether it has ever been stopped as a whole: from then on it may write what it should have written long ago.</summary>
    public bool WasStopped { get; private set; }

    /// <summary>The record that ended it, if one did.</summary>
    public byte[]? KilledBy { get; set; }

    IRoad NewRoad()
    {
        var clock = _world.Order.Clock;
        var reading = new RecordReading(new Turns(int.MaxValue), new ProcessingDeadline(_options.ProcessingDeadline, clock), new FailureLimit(_options.FaultyRecordsMax, clock));
        return new EventsPostgresRoad(Kafka, _logs, _ => _world.Store.For(this),
            new EventsPostgresSettings(Breaker.NeverOpen(Dependencies.Postgres), reading, Metrics, clock, NullLogger.Instance, _options.BatchEventsMax));
    }

    public (PartitionWorker, WatchedRoad) NewWorker(int partition)
    {
        var place = new TopicPartition(SimulatedBroker.Topic, partition);
        var road = new WatchedRoad((_world.Bug == Bug.OthersReadBesideOneAlone ? NewRoad() : _road).Open(place), _world);
        return (new PartitionWorker(place, road, Poller, _workers), road);
    }

    public void Stop()
    {
        WasStopped = true;
        Actor.Stop();
    }

    /// <summary>At once, wherever it is.</summary>
    public void Kill()
    {
        Actor.End();
        _world.Store.ClientGone(this);
        _world.Group.Ended(this, told: false);
    }

    /// <summary>Gives every partition up, waits for what is being written within the budget, and ends.</summary>
    public async Task<bool> EndInOrderAsync()
    {
        if (Poller.InBatch)
            _world.Met(Transition.StoppedInBatch);
        for (var partition = 0; partition < SimulatedBroker.Partitions; partition++)
            Poller.Revoke(partition);
        using var budget = _world.Order.Clock.After(_options.StopBudget, () => Actor.Post(SpendBudget));
        await Poller.EndedAsync();
        Actor.End();
        _world.Store.ClientGone(this);
        _world.Group.Ended(this, told: true);
        return true;
    }

    void SpendBudget()
    {
        _world.Met(Transition.StopBudgetSpent);
        _abort.Cancel();
    }

    void Fail(Exception e)
    {
        if (e is not ProcessorFaultyException)
            _world.Checker.Violated(Invariant.NothingUnforeseen, e.ToString());
        _world.Met(Transition.ProcessorFaulty);
        _world.Group.EndInOrder(this);
    }

    sealed class Meters : System.Diagnostics.Metrics.IMeterFactory
    {
        public System.Diagnostics.Metrics.Meter Create(System.Diagnostics.Metrics.MeterOptions options) => new(options.Name);

        public void Dispose()
        {
            // The meter lives as long as the tests.
        }
    }

    /// <summary>The planted bug: what was asked once is taken for true for a while.</summary>
    sealed class RememberedTopic(World world) : ITopicLogs
    {
        (string Id, TimeSpan At)? _asked;

        public async Task<string> ReadIdAsync(string topic)
        {
            if (_asked is not { } asked || world.Order.Clock.Now - asked.At > TimeSpan.FromSeconds(20))
                _asked = asked = (await world.Broker.ReadIdAsync(topic), world.Order.Clock.Now);
            return asked.Id;
        }

        public Task<Sinks.Postgres.LogExtent> ReadExtentAsync(TopicPartition partition) => world.Broker.ReadExtentAsync(partition);
    }
}
