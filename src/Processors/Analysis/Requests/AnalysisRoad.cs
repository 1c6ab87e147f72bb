using Confluent.Kafka;
using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Analysis.Requests;

/// <param name="Refusing">From here on the process stops: what is under way ends, nothing new is begun.</param>
sealed record AnalysisRoadSettings(CommittedPlace Place, RequestWork Work, RecordReading Reading, ProcessorMetrics Metrics, TimeProvider Clock, CancellationToken Refusing)
{
    public required int ConcurrentBatchesMax { get; init; }
}

/// <summary>Executes the requests of <c>analysis.requests</c>. Offsets live in Kafka and move after every outcome is recorded.</summary>
sealed class AnalysisRoad(KafkaOptions kafka, AnalysisRoadSettings settings) : IRoad
{
    public string Name => Roles.Analysis;

    public IReadOnlyList<string> TopicNames { get; } = [.. kafka.Requests.Select(t => t.Name)];

    /// <summary>Somebody waits for each. Under load, what arrives during one batch makes the next one.</summary>
    public TimeSpan? Linger => TimeSpan.Zero;

    public int? ConcurrentBatchesMax => settings.ConcurrentBatchesMax;

    public IPartitionRoad Open(TopicPartition partition) => new AnalysisPartition(partition, kafka.Requests.First(t => t.Name == partition.Topic), settings);
}

sealed class AnalysisPartition(TopicPartition partition, TopicOptions topic, AnalysisRoadSettings settings) : IPartitionRoad
{
    /// <summary>Requests that share the round trips to the stores. More would delay the first ones' answers, and their results are held in memory.</summary>
    const int StretchLength = 64;

    LogPlace? _log;

    public PartitionCounts Counts { get; private set; } = PartitionCounts.None;

    public async Task<long> AcquireAsync(CancellationToken stop)
    {
        var found = await settings.Place.FindAsync(partition, stop);
        Counts += new PartitionCounts(LostOffsets: found.Lost);
        _log = new LogPlace(Roles.Analysis, partition.Topic, found.TopicId, partition.Partition.Value);
        return found.Offset;
    }

    public async Task<long> ProcessAsync(RecordBatch batch, CancellationToken stop)
    {
        for (var from = 0; from < batch.Records.Count; from += StretchLength)
        {
            // A stop waits for what is under way and no longer; the rest is read again by whoever comes next.
            if (from > 0 && settings.Refusing.IsCancellationRequested)
                return batch.Records[from].Offset.Value;
            var records = batch.Records.Skip(from).Take(StretchLength).ToList();
            var requests = await settings.Reading.TogetherAsync(_log!.ToString(), () => records.ConvertAll(Read), stop);
            await settings.Work.ExecuteAsync(requests, Count, stop);
        }
        return batch.Next;
    }

    RequestRecord Read(ConsumeResult<byte[], byte[]> record)
    {
        var isReadable = RequestRecord.TryTenantOf(topic, record.Message.Headers, out var tenant);
        var read = RequestRecord.Read(FailedRecord.Of(record, _log!, tenant, RequestRecord.Waits, settings.Clock.GetUtcNow()) with { Attempt = 0 });
        return isReadable ? read : read with { Request = null, Fault = new AnalysisFault(AnalysisFaultCode.InvalidRequest, "The ingest header cannot be read.") };
    }

    void Count(string outcome)
    {
        settings.Metrics.RequestRead(outcome);
        if (outcome is "invalid" or "conflict" or "too_late")
            Counts += new PartitionCounts(DeadLetters: 1);
        else if (outcome is "ended_before" or "set_aside_before")
            Counts += new PartitionCounts(Duplicates: 1);
        else if (outcome is "job" or "set_aside")
            Counts += new PartitionCounts(HandedOver: 1);
    }

    public Task ReleaseAsync(CancellationToken stop) => Task.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
