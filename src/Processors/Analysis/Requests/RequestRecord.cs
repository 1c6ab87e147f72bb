using System.Security.Cryptography;
using System.Text;
using System.Text.Unicode;
using Pipeline.Contracts;
using Pipeline.Contracts.Analysis;
using Pipeline.Contracts.Events;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis.Requests;

/// <summary>A record of <c>analysis.requests</c> as it was read: a request, or why it is none.</summary>
/// <param name="Record">All that is needed to hand it on.</param>
/// <param name="Request">Null with a fault.</param>
sealed record RequestRecord(FailedRecord Record, NewTask Task, AnalysisRequest? Request, AnalysisFault? Fault)
{
    /// <summary>Whether it takes so long that no partition should wait for it.</summary>
    public bool IsLong { get; init; }

    /// <summary>What a record says as a message that waits for its first attempt: nothing failed yet.</summary>
    public static readonly FailureCause Waits = new("processing", FailureCause.Transient, FaultReason.ProcessorFailed, "It waits for its first attempt.");

    /// <summary>The id is the request's own, else the record's key, else it follows from the record's place: a record that is read again is the same task.</summary>
    public static RequestRecord Read(FailedRecord record)
    {
        var value = record.Value ?? [];
        var fault = ReadValue(value, out var request);
        var id = request?.RequestId ?? IdOfKey(record.Key) ?? EventIdentity.FromLog(record.Log.TopicId, record.Log.Partition, record.Offset).ToString();
        var task = new NewTask(new TaskKey(record.Tenant, id), SHA256.HashData(value), request?.Algorithm ?? "", request?.Priority ?? AnalysisPriority.Normal) { LoggedAt = record.LoggedAt };
        return new RequestRecord(record, task, request, fault);
    }

    /// <summary>The reader never throws. If it does, whoever reads the bytes again, and be it their letter's, must not fall over them as well.</summary>
    static AnalysisFault? ReadValue(byte[] value, out AnalysisRequest? request)
    {
        try
        {
            return AnalysisRequestReader.Read(value, out request);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            request = null;
            return new AnalysisFault(AnalysisFaultCode.MalformedRequest, $"Reading it failed: {e.GetType().Name}.");
        }
    }

    static string? IdOfKey(byte[]? key)
    {
        if (key is not { Length: > 0 } || !Utf8.IsValid(key))
            return null;
        var text = Encoding.UTF8.GetString(key);
        return text.EnumerateRunes().Count() <= AnalysisLimits.RequestIdCharactersMax && !text.Any(char.IsControl) ? text : null;
    }

    /// <summary>Whose request a record is: a trusted header's tenant, else the topic's. A trusted header that cannot be read says of nobody that it is his.</summary>
    /// <returns>False where the header cannot be read.</returns>
    public static bool TryTenantOf(TopicOptions topic, Confluent.Kafka.Headers? headers, out string tenant)
    {
        tenant = topic.Tenant;
        if (!topic.TrustHeaders || headers is not { Count: > 0 } || !headers.TryGetLastBytes(Topics.IngestHeaderName, out var bytes))
            return true;
        if (!new IngestHeader.Parser().TryParse(bytes, out var header))
            return false;
        tenant = header!.Tenant;
        return true;
    }
}
