using System.Buffers;
using System.Text.Json;
using Pipeline.Contracts.Analysis;
using Pipeline.Contracts.Events;
using Pipeline.Processors.Analysis.Http;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis.Requests;

/// <summary>What an outcome of the engine means for a request of the topic. Pure.</summary>
static class RequestOutcome
{
    /// <summary>Kafka takes records of 1 MB as it comes; a result needs room for its metadata.</summary>
    public const int ResultBytesMax = 900_000;

    /// <summary>An outcome that no record holds, with all that is told beside it, is a fault that says so: by HTTP it could have been fetched.</summary>
    public static AnalysisOutcome Bounded(AnalysisOutcome outcome)
    {
        // A character takes at most six bytes, as \uFFFD.
        var bytes = outcome.Result.Length + (outcome.Metadata?.Events?.Texts.Sum(t => (6L * t.Length) + 3) ?? 0);
        return bytes <= ResultBytesMax ? outcome
            : AnalysisOutcome.Failed(AnalysisFaultCode.TooLarge, $"The result has up to {bytes} bytes, more than the topic's {ResultBytesMax}; ask for it with POST analyze.");
    }

    /// <summary>The result as it is produced.</summary>
    public static byte[] Result(TaskKey task, AnalysisOutcome outcome, int attempts)
    {
        var buffer = new ArrayBufferWriter<byte>(outcome.Result.Length + 256);
        using var json = new Utf8JsonWriter(buffer);
        AnalysisAnswer.Write(json, task.RequestId, outcome with { Metadata = outcome.Metadata is { } known ? known with { Attempts = attempts } : null }, withMetadata: true);
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The answer of a request that is a dead letter: the engine's code where there is one, else the letter's own.</summary>
    public static byte[] Abandoned(TaskKey task, FailureCause cause)
    {
        var code = cause.Fingerprint is { } print && print.StartsWith(Fingerprint, StringComparison.Ordinal) && cause.Reason != FaultReason.KilledProcessor ? print[Fingerprint.Length..] : new EventFault(cause.Reason).Code;
        // The path stands before the message, as Cause wrote it.
        var colon = cause.Message.StartsWith('/') ? cause.Message.IndexOf(": ", StringComparison.Ordinal) : -1;
        var (path, message) = colon > 0 ? (cause.Message[..colon], cause.Message[(colon + 2)..]) : ("", cause.Message);
        return JsonSerializer.SerializeToUtf8Bytes(new { request_id = task.RequestId, status = TaskState.Abandoned.Name(), error = new { code, message, path } });
    }

    /// <summary>Before the engine's codes: other failures of the road have the road's name there.</summary>
    const string Fingerprint = "engine:";

    /// <summary>Why a request has no result: a letter says it in the terms of all letters, and names the engine's own code.</summary>
    public static FailureCause Cause(AnalysisFault fault, AnalysisRequest? request) => new(request is null ? "receiving" : "processing", fault.IsTransient ? FailureCause.Transient : FailureCause.Invalid,
        fault.IsTransient ? FaultReason.ProcessorFailed : FaultReason.AnalysisRefused, fault.Path.Length > 0 ? $"{fault.Path}: {fault.Message}" : fault.Message, Fingerprint + fault.Code);

    /// <summary>A request that was read after its task had been given up.</summary>
    public static FailureCause TooLate { get; } = new("receiving", FailureCause.Invalid, FaultReason.AnalysisRefused, "Its task was abandoned as not_read before the request was read; send it again with another request_id.", "analysis:not_read");

    /// <summary>A request that shares its id with another one is told by its letter alone: the answer of this id is the other's.</summary>
    public static FailureCause Conflict { get; } = new("receiving", FailureCause.Invalid, FaultReason.ConflictingDuplicate, "Another request with this request_id and other content was first.");
}
