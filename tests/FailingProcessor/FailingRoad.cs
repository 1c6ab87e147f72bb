using Confluent.Kafka;
using Microsoft.Extensions.Options;
using Npgsql;
using Pipeline.Processors;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Hosting;
using Pipeline.Sinks.Postgres;

namespace Pipeline.FailingProcessor;

/// <summary>Processes its topics' records as they tell it, and hands those that fail to the ladder. Offsets live in Kafka.</summary>
sealed class FailingRoad(KafkaOptions kafka, ITopicLogs logs, Func<TopicPartition, CancellationToken, Task<long?>> committed, FailingWork work) : IRoad
{
    public const string RoadName = "failing";

    public string Name => RoadName;

    public IReadOnlyList<string> TopicNames { get; } = [.. kafka.Events.Select(t => t.Name)];

    public IPartitionRoad Open(TopicPartition partition) => new FailingPartition(this, partition, work);

    internal async Task<(string TopicId, long Offset)> PositionAsync(TopicPartition partition, CancellationToken stop) =>
        (await logs.ReadIdAsync(partition.Topic), await committed(partition, stop) ?? (await logs.ReadExtentAsync(partition)).Start);
}

sealed class FailingPartition(FailingRoad road, TopicPartition partition, FailingWork work) : IPartitionRoad
{
    LogPlace? _log;

    public PartitionCounts Counts { get; private set; } = PartitionCounts.None;

    public async Task<long> AcquireAsync(CancellationToken stop)
    {
        var (topicId, offset) = await road.PositionAsync(partition, stop);
        _log = new LogPlace(road.Name, partition.Topic, topicId, partition.Partition.Value);
        return offset;
    }

    public async Task<long> ProcessAsync(RecordBatch batch, CancellationToken stop)
    {
        // 1. Outcomes are recorded. A crash after it executes the records again.
        var failed = await work.FirstAttemptsAsync(_log!, batch.Records, stop);
        // 2. RabbitMQ confirmed what failed. A crash after it hands it over again.
        await work.Ladder.FailAsync(failed, stop);
        var retried = failed.Count(f => f.Cause.Kind == FailureCause.Transient);
        Counts += new PartitionCounts(DeadLetters: failed.Count - retried, HandedOver: retried);
        // 3. Only now the offset moves.
        return batch.Next;
    }

    public Task ReleaseAsync(CancellationToken stop) => Task.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

static class FailingHost
{
    public static void AddFailingRoad(this IServiceCollection services)
    {
        services.AddSingleton<FailingWork>();
        services.AddRetriedRoad(FailingRoad.RoadName, p => p.GetRequiredService<FailingWork>().RetryAsync);
        ProcessorsHost.AddRoad(services, (p, host) => new FailingRoad(p.GetRequiredService<IOptions<KafkaOptions>>().Value, p.GetRequiredService<ITopicLogs>(), host.CommittedAsync,
            p.GetRequiredService<FailingWork>()), ReadyAsync);
    }

    static async Task ReadyAsync(IServiceProvider services)
    {
        await services.GetRequiredService<SchemaAtStart>().Ready;
        await using (var command = services.GetRequiredService<NpgsqlDataSource>().CreateCommand(FailingWork.Schema))
            await command.ExecuteNonQueryAsync();
        await services.GetRequiredService<TopologyAtStart>().Ready;
    }
}
