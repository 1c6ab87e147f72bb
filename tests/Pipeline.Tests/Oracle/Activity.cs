namespace Pipeline.Pipeline.Tests.Oracle;

/// <summary>A row of <c>activity</c> without the partition: 15 minutes of one user in one project, by type, tool and annotation type.</summary>
public sealed record ActivityKey(string UserId, string ProjectId, DateTime Bucket, int Type, string Tool, string AnnotationType);

/// <summary>Sums over events. Durations count within [0, 30 min]; those outside are outliers.</summary>
public sealed record ActivitySums(long Events, long Succeeded, long Durations, long DurationUs, long Outliers, DateTime First, DateTime Last)
{
    const decimal DurationMsMax = 30 * 60 * 1000;

    public static ActivitySums Over(IEnumerable<RawEvent> events)
    {
        var list = events.ToList();
        var durations = list.Where(HasDuration).Select(e => e.DurationMs!.Value).ToList();
        var inRange = durations.Where(d => d is >= 0 and <= DurationMsMax).ToList();
        return new ActivitySums(list.Count, list.Count(e => e.Success), inRange.Count, inRange.Sum(d => (long)decimal.Floor((d * 1000) + 0.5m)),
            durations.Count - inRange.Count, list.Min(e => e.Timestamp), list.Max(e => e.Timestamp));
    }

    static bool HasDuration(RawEvent e) => e.DurationMs is not null && e.Type is "annotation" or "task_status" or "tool_efficiency" or "user_interaction";
}

/// <summary>What the tables must hold after these events, each counted once.</summary>
static class Activity
{
    static readonly string[] Types = ["", "annotation", "task_status", "tool_efficiency", "user_interaction", "performance", "error", "backend_computation"];
    static readonly long BucketTicks = TimeSpan.FromMinutes(15).Ticks;

    public static Dictionary<ActivityKey, ActivitySums> Of(IEnumerable<RawEvent> events) =>
        events.GroupBy(KeyOf).ToDictionary(g => g.Key, g => ActivitySums.Over(g));

    public static Dictionary<(string UserId, string ProjectId), ActivitySums> ByUserAndProject(IEnumerable<RawEvent> events) =>
        events.GroupBy(e => (e.UserId, e.ProjectId)).ToDictionary(g => g.Key, g => ActivitySums.Over(g));

    static ActivityKey KeyOf(RawEvent e) => new(e.UserId, e.ProjectId, new DateTime(e.Timestamp.Ticks - (e.Timestamp.Ticks % BucketTicks), DateTimeKind.Utc),
        Array.IndexOf(Types, e.Type), e.Tool ?? "", e.Type == "annotation" ? e.AnnotationType ?? "" : "");
}

/// <summary>How many points InfluxDB must hold: one for each series and time, the time made of the event's ms and its id.</summary>
static class Points
{
    public static int Of(IEnumerable<RawEvent> events) =>
        events.Select(e => (e.ProjectId, e.Type, e.Tool ?? "", e.UserId, TimeNs(e))).Distinct().Count();

    static decimal TimeNs(RawEvent e)
    {
        var ms = decimal.Floor((e.Timestamp - DateTime.UnixEpoch).Ticks / (decimal)TimeSpan.TicksPerMillisecond);
        var lastEightBytes = Convert.ToUInt64(e.Id!.Replace("-", "", StringComparison.Ordinal)[16..], 16);
        return (ms * 1_000_000) + (lastEightBytes % 1_000_000);
    }
}
