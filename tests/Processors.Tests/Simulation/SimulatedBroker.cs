using Confluent.Kafka;
using Pipeline.Contracts;
using Pipeline.Processors.Consuming;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Tests.Simulation;

/// <summary>One partition of one incarnation of the topic. What retention removes stays here for the reckoning at the end.</summary>
sealed class SimulatedLog(string topicId, int partition)
{
    public string TopicId => topicId;

    public int Partition => partition;

    public List<Entry> Entries { get; } = [];

    public long Start { get; private set; }

    public long End => Entries.Count;

    public void RemoveBefore(long offset) => Start = Math.Clamp(offset, Start, End);
}

/// <summary>The topic's logs and what the cluster says of them. It keeps records and order; what clients lose is the poller's matter.</summary>
sealed class SimulatedBroker(World world) : ITopicLogs
{
    public const int Partitions = 3;

    public static string Topic => Topics.EfficiencyEvents;

    readonly Actor _cluster = world.NewActor("cluster");
    int _incarnation;
    int _nextNumber;

    public List<SimulatedLog> All { get; } = [];

    public SimulatedLog[] Logs { get; private set; } = [];

    public string TopicId => Logs[0].TopicId;

    public void MakeTopic()
    {
        var id = $"topic-{++_incarnation}";
        Logs = [.. Enumerable.Range(0, Partitions).Select(p => new SimulatedLog(id, p))];
        All.AddRange(Logs);
    }

    public SimulatedLog? Log(string topicId, int partition) => All.Find(l => l.TopicId == topicId && l.Partition == partition);

    /// <summary>Mostly new valid events; of the others, what this seed's faults have.</summary>
    public void Append(SimulatedLog log, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var content = world.Faults.DrawContent();
            var repeats = content is Content.Respelled or Content.Conflicting || (content == Content.Valid && world.Order.Chance(world.Faults.Repeats));
            var number = repeats && _nextNumber > 0 ? Math.Max(0, _nextNumber - 1 - world.Order.Random.Next(12)) : _nextNumber++;
            log.Entries.Add(SimulatedEvents.Of(content, number % SimulatedEvents.Count));
        }
        world.WakePollers();
    }

    public Task<string> ReadIdAsync(string topic) => Ask(() => TopicId);

    public Task<LogExtent> ReadExtentAsync(TopicPartition partition) => Ask(() => new LogExtent(Logs[partition.Partition.Value].Start, Logs[partition.Partition.Value].End));

    /// <summary>What was true when the cluster was asked, which it may tell late.</summary>
    Task<T> Ask<T>(Func<T> answer) => _cluster.StartAsync(async () =>
    {
        if (world.Order.Chance(world.Faults.ClusterSilent))
        {
            world.Met(Transition.TopicUnavailable);
            throw new TopicUnavailableException("the cluster does not say");
        }
        var told = answer();
        if (world.Order.Chance(world.Faults.Slow))
            await Task.Delay(world.Order.UpTo(TimeSpan.FromSeconds(3)), world.Order.Clock, CancellationToken.None);
        return told;
    });
}
