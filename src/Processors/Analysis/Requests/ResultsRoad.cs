using System.Text;
using Confluent.Kafka;
using Pipeline.Contracts;
using Pipeline.Contracts.Analysis;
using Pipeline.Contracts.Events;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis.Requests;

sealed record ResultsRoadSettings(CommittedPlace Place, TaskAnswers Answers, DeadLetterWriter Letters, Breaker Postgres, RecordReading Reading, ProcessorMetrics Metrics, TimeProvider Clock);

/// <summary>
/// Writes the answers of <c>analysis.results</c> to their tasks. Offsets live in Kafka: an answer that is written again changes nothing, because the first one stays.
/// </summary>
sealed class ResultsRoad(KafkaOptions kafka, ResultsRoadSettings settings) : IRoad
{
    public string Name => Roles.ResultsPostgres;

    public IReadOnlyList<string> TopicNames { get; } = [kafka.ResultsTopic];

    public IPartitionRoad Open(TopicPartition partition) => new ResultsPartition(partition, settings);
}

sealed class ResultsPartition(TopicPartition partition, ResultsRoadSettings settings) : IPartitionRoad
{
    LogPlace? _log;

    public PartitionCounts Counts { get; private set; } = PartitionCounts.None;

    public async Task<long> AcquireAsync(CancellationToken stop)
    {
        var found = await settings.Place.FindAsync(partition, stop);
        Counts += new PartitionCounts(LostOffsets: found.Lost);
        _log = new LogPlace(Roles.ResultsPostgres, partition.Topic, found.TopicId, partition.Partition.Value);
        return found.Offset;
    }

    public async Task<long> ProcessAsync(RecordBatch batch, CancellationToken stop)
    {
        var letters = new List<DeadLetter>();
        var answers = await settings.Reading.TogetherAsync(_log!.ToString(), () => Read(batch.Records, letters), stop);
        var stored = await WriteAsync(answers, stop);
        await settings.Postgres.RunAsync(s => settings.Letters.WriteAsync(_log!, letters, s), stop);
        settings.Metrics.AnswersRead("stored", stored);
        settings.Metrics.AnswersRead("known", answers.Count - stored);
        settings.Metrics.AnswersRead("invalid", letters.Count);
        Counts += new PartitionCounts(DeadLetters: letters.Count, Duplicates: answers.Count - stored);
        return batch.Next;
    }

    readonly record struct Answer(TaskAnswer Task, ConsumeResult<byte[], byte[]> Record);

    /// <summary>A batch that the store refuses as data is halved, until the one answer that no table holds is alone: it is a dead letter, and its task is abandoned and says so.</summary>
    async Task<int> WriteAsync(IReadOnlyList<Answer> answers, CancellationToken stop)
    {
        try
        {
            return await settings.Postgres.RunAsync(s => settings.Answers.WriteAsync([.. answers.Select(a => a.Task)], s), stop);
        }
        catch (Exception e) when (PostgresFaults.Classify(e) == StoreFault.Refused)
        {
            if (answers is [var (task, record)])
            {
                var letter = Letter(record, task.Key.Tenant, FaultReason.StoreRefused, e.Message);
                await settings.Postgres.RunAsync(s => settings.Letters.WriteAsync(_log!, [letter], s), stop);
                Counts += new PartitionCounts(DeadLetters: 1);
                return await settings.Postgres.RunAsync(s => settings.Answers.WriteAsync([Refused(task, e)], s), stop);
            }
            Counts += new PartitionCounts(HalvedWrites: 1);
            return await WriteAsync([.. answers.Take(answers.Count / 2)], stop) + await WriteAsync([.. answers.Skip(answers.Count / 2)], stop);
        }
    }

    /// <summary>What is left of it are texts of ours and an id that a table has held before.</summary>
    static TaskAnswer Refused(TaskAnswer answer, Exception e) =>
        answer with { State = TaskState.Abandoned, Result = null, Metadata = null, Error = new TaskError("store_refused", $"PostgreSQL refused the result as data: {e.Message}", "") };

    List<Answer> Read(IReadOnlyList<ConsumeResult<byte[], byte[]>> records, List<DeadLetter> letters)
    {
        var answers = new List<Answer>(records.Count);
        foreach (var record in records)
        {
            var tenant = Stored(record.Message.Headers is { Count: > 0 } headers && headers.TryGetLastBytes(Topics.TenantHeaderName, out var bytes) ? Encoding.UTF8.GetString(bytes) : Topics.DefaultTenant);
            if (AnalysisResultReader.Read(record.Message.Value ?? [], out var result) is { } problem)
                letters.Add(Letter(record, tenant, FaultReason.MalformedJson, problem));
            else
                answers.Add(new Answer(new TaskAnswer(new TaskKey(tenant, Stored(result!.RequestId)), result.State, result.Result,
                    result.ErrorCode is null ? null : new TaskError(Stored(result.ErrorCode), Stored(result.ErrorMessage!), Stored(result.ErrorPath!)), result.Metadata), record));
        }
        return answers;
    }

    /// <summary>What a worker wrote before it died may hold the one character that PostgreSQL's texts do not.</summary>
    static string Stored(string text) => text.Replace('\0', '\uFFFD');

    DeadLetter Letter(ConsumeResult<byte[], byte[]> record, string tenant, FaultReason reason, string problem) =>
        DeadLetterReceiver.Letter(FailedRecord.Of(record, _log!, tenant, new FailureCause("receiving", FailureCause.Invalid, reason, Stored(problem)), settings.Clock.GetUtcNow()));

    public Task ReleaseAsync(CancellationToken stop) => Task.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
