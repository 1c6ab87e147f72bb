using System.Text;
using System.Text.Json.Nodes;
using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Sinks.Tests.Postgres.Events;

static class Rows
{
    /// <summary>A Monday, 2024-01-01T00:00:00Z.</summary>
    public const long Monday = 1_704_067_200_000_000;

    public static Guid Id(int n) => new($"{n:x8}-0000-4000-8000-000000000000");

    /// <summary>An annotation event whose bytes name its id; <paramref name="content"/> makes them differ.</summary>
    public static EventRow Row(long offset, Guid? id = null, string content = "1", string user = "u", string project = "p", double durationMs = 1000, string tenant = "default",
        long loggedAtUs = Monday, long occurredAtUs = Monday, string? value = null, bool success = true, string annotationType = "box",
        EventAction action = default, string? objectId = null, string? taskId = null)
    {
        var bytes = Encoding.UTF8.GetBytes(value ?? new JsonObject { ["id"] = (id ?? Id((int)offset)).ToString(), ["content"] = content }.ToJsonString());
        var digest = new byte[EventIdentity.DigestBytes];
        EventIdentity.Digest(bytes, digest);
        return new EventRow
        {
            Offset = offset, EventId = id ?? Id((int)offset), Type = EventType.Annotation, OccurredAtUs = occurredAtUs, ReceivedAtUs = loggedAtUs, LoggedAtUs = loggedAtUs,
            Tenant = tenant, UserId = user, ProjectId = project, Tool = "tool", AnnotationType = annotationType, DurationMs = durationMs, Success = success,
            Action = action, ObjectId = objectId, TaskId = taskId,
            Header = [1, 2], RecordKey = [3], OtherHeaders = [new("empty", null)], Value = bytes, Digest = digest,
        };
    }

    public static EventBatch Batch(long from, long next, params IEnumerable<EventRow> rows)
    {
        var batch = new EventBatch(from, "topic-tenant") { Next = next };
        batch.Events.AddRange(rows);
        return batch;
    }

    public static DeadLetter Letter(long offset, FaultReason reason = FaultReason.MalformedJson) => new()
    {
        Offset = offset, Tenant = "default", Fault = new EventFault(reason, "data.duration"), Key = [1], Value = [0xFF, 0x00], Headers = [new("a\0b", [9]), new("n", null)], LoggedAtUs = Monday,
    };
}
