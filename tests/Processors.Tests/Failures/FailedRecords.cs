using Pipeline.Contracts.Events;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Tests.Failures;

static class FailedRecords
{
    public static readonly DateTimeOffset At = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public static FailedRecord Record(long offset = 7, string road = "failing", string kind = FailureCause.Transient) => new()
    {
        Log = new LogPlace(road, "some.topic", "AAAAAAAAAAAAAAAAAAAAAQ", 3),
        Offset = offset,
        Tenant = "default",
        Key = "key"u8.ToArray(),
        Value = [0, 0xFF, 1, 2],
        Headers = [new("ingest", "1;2"u8.ToArray()), new("ingest", null), new("empty", [])],
        LoggedAt = At,
        Cause = new FailureCause("processing", kind, FaultReason.ProcessorFailed, "it failed", "failing:it"),
        FailedFirst = At.AddSeconds(1),
        FailedLast = At.AddSeconds(2),
    };
}
