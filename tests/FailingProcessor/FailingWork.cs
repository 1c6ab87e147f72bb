using System.Runtime.InteropServices;
using System.Text.Json;
using Confluent.Kafka;
using Npgsql;
using Pipeline.Contracts;
using Pipeline.Contracts.Events;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres;

namespace Pipeline.FailingProcessor;

/// <summary>What a record asks for: <c>{"fail": "transient|invalid|throw|hang|kill", "times": n}</c>; without <c>fail</c> it succeeds.</summary>
/// <param name="Times">Attempts that fail, counted from the first; all of them where it is absent. The first attempt of kill and hang fails in passing, so that RabbitMQ holds the record.</param>
sealed record Wish(string? Fail, int? Times);

/// <summary>Does what records wish, and keeps a log of attempts and a count of successes in tables of its own.</summary>
sealed partial class FailingWork(NpgsqlDataSource database, RetryLadder ladder, Breakers breakers, RecordReading reading, TimeProvider clock)
{
    public const string Schema = """
        SELECT pg_advisory_xact_lock(42);
        CREATE SCHEMA IF NOT EXISTS failing;
        CREATE TABLE IF NOT EXISTS failing.attempts (topic_id text NOT NULL, partition int NOT NULL, "offset" bigint NOT NULL, attempt int NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
        CREATE TABLE IF NOT EXISTS failing.successes (topic_id text, partition int, "offset" bigint, executions int NOT NULL DEFAULT 1, PRIMARY KEY (topic_id, partition, "offset"))
        """;

    static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public RetryLadder Ladder => ladder;

    /// <summary>Executes records for the first time.</summary>
    /// <returns>Those that failed.</returns>
    public async Task<IReadOnlyCollection<FailedRecord>> FirstAttemptsAsync(LogPlace log, IReadOnlyList<ConsumeResult<byte[], byte[]>> records, CancellationToken stop)
    {
        if (records.Count == 0)
            return [];
        await NoteAsync("INSERT INTO failing.attempts (topic_id, partition, \"offset\", attempt) SELECT $1, $2, unnest($3), 1", log, [.. records.Select(r => r.Offset.Value)], stop);
        var failed = new List<FailedRecord>();
        var succeeded = new List<long>();
        foreach (var record in records)
        {
            if (await CauseAsync(log, record.Message.Value, 1, stop) is { } cause)
                failed.Add(FailedRecord.Of(record, log, Topics.DefaultTenant, cause, clock.GetUtcNow()));
            else
                succeeded.Add(record.Offset.Value);
        }
        await SucceededAsync(log, [.. succeeded], stop);
        return failed;
    }

    /// <summary>Executes a record that failed before.</summary>
    public async Task RetryAsync(FailedRecord record, CancellationToken stop)
    {
        await NoteAsync($"INSERT INTO failing.attempts (topic_id, partition, \"offset\", attempt) SELECT $1, $2, unnest($3), {record.Attempt + 1}", record.Log, [record.Offset], stop);
        if (await CauseAsync(record.Log, record.Value, record.Attempt + 1, stop) is { } cause)
            throw new RecordFailedException(cause);
        await SucceededAsync(record.Log, [record.Offset], stop);
    }

    /// <returns>Null where the record succeeds.</returns>
    async Task<FailureCause?> CauseAsync(LogPlace log, byte[]? value, int attempt, CancellationToken stop)
    {
        try
        {
            return await reading.TogetherAsync(log.ToString(), () => Cause(value, attempt), stop);
        }
        catch (InvalidOperationException e)
        {
            return new FailureCause("processing", FailureCause.Transient, FaultReason.ProcessorFailed, e.Message, "failing:throw");
        }
    }

    static FailureCause? Cause(byte[]? value, int attempt)
    {
        Wish? wish;
        try
        {
            wish = JsonSerializer.Deserialize<Wish>(value, Json);
        }
        catch (JsonException e)
        {
            return new FailureCause("receiving", FailureCause.Invalid, FaultReason.MalformedJson, e.Message);
        }
        if (wish?.Fail is null || attempt > (wish.Times ?? int.MaxValue))
            return null;
        var transient = new FailureCause("processing", FailureCause.Transient, FaultReason.ProcessorFailed, $"attempt {attempt} fails as told", "failing:transient");
        switch (wish.Fail)
        {
            case "transient" or "kill" or "hang" when attempt == 1 || wish.Fail == "transient":
                return transient;
            case "throw":
                throw new InvalidOperationException($"attempt {attempt} throws as told");
            case "kill":
                Kill(Environment.ProcessId, 9);
                return transient;
            case "hang":
                Thread.SpinWait(int.MaxValue);
                return transient;
            default:
                return new FailureCause("processing", FailureCause.Invalid, FaultReason.InvalidValue, "invalid as told");
        }
    }

    Task SucceededAsync(LogPlace log, long[] offsets, CancellationToken stop) => NoteAsync("""
        INSERT INTO failing.successes AS s (topic_id, partition, "offset") SELECT $1, $2, unnest($3)
        ON CONFLICT (topic_id, partition, "offset") DO UPDATE SET executions = s.executions + 1
        """, log, offsets, stop);

    Task NoteAsync(string sql, LogPlace log, long[] offsets, CancellationToken stop) => offsets.Length == 0 ? Task.CompletedTask : breakers.Postgres.RunAsync(async inner =>
    {
        await using var command = database.CreateCommand(sql);
        command.Parameters.Add(new NpgsqlParameter { Value = log.TopicId });
        command.Parameters.Add(new NpgsqlParameter { Value = log.Partition });
        command.Parameters.Add(new NpgsqlParameter { Value = offsets });
        await command.ExecuteNonQueryAsync(inner);
    }, stop);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
}
