using Pipeline.Sinks.Postgres.Retention;

namespace Pipeline.Processors.Retention;

/// <summary>What a topic says of how long it keeps records.</summary>
/// <param name="Retention">Null for ever.</param>
/// <param name="Segment">Records go by whole segments, so up to this much later.</param>
/// <param name="IsBrokersTime">False where records carry their producer's time: then ids are logged by the processor's clock, and how far a log is cannot be told by them.</param>
sealed record TopicMemory(string Topic, TimeSpan? Retention, TimeSpan Segment, bool IsBrokersTime);

/// <param name="IsAtEnd">Stored up to the log's end.</param>
readonly record struct LogState(LogPosition Position, bool IsAtEnd);

/// <summary>How long ids are remembered: as long as a copy of an event can come from the topic, and the seven days for which clients keep what they could not send.</summary>
/// <param name="Length">Null for ever.</param>
/// <param name="Refusal">Why what was configured is less than that; null where it is not.</param>
sealed record LedgerWindow(TimeSpan? Length, string? Refusal, IReadOnlyList<TopicMemory> Topics)
{
    static readonly TimeSpan Clients = TimeSpan.FromDays(7);

    public static LedgerWindow Of(TimeSpan? configured, IReadOnlyList<TopicMemory> topics)
    {
        if (topics.FirstOrDefault(t => t.Retention is null) is { } endless)
            return new LedgerWindow(null, configured is null ? null
                : $"Pipeline:Retention:Ledger is {Text(configured.Value)}, but topic {endless.Topic} keeps records for ever (retention.ms = -1): ids are needed for ever too. Give the topic a retention, or leave Ledger out.", topics);
        var longest = topics.MaxBy(t => t.Retention)!;
        var needed = longest.Retention!.Value + Clients;
        return new LedgerWindow(configured ?? needed, configured < needed
            ? $"Pipeline:Retention:Ledger is {Text(configured.Value)}, but topic {longest.Topic} keeps records for {Text(longest.Retention.Value)} (retention.ms = {(long)longest.Retention.Value.TotalMilliseconds}): ids are needed for {Text(needed)} (7 days more)." : null, topics);
    }

    /// <summary>
    /// The time of the slowest log: none brings a record any more that was logged before. One that is stored up to its end has the time of now; another is where its newest row is, but
    /// never further back than records stay in its topic, so that one that nobody consumes does not stop the trimming for ever.
    /// </summary>
    /// <returns>The time, and the log that holds it back; null where none does.</returns>
    public (DateTime At, LogPosition? Slowest) Slowest(DateTime now, IEnumerable<LogState> logs)
    {
        var slowest = (At: now, Log: (LogPosition?)null);
        foreach (var (position, isAtEnd) in logs)
        {
            var topic = Topics.FirstOrDefault(t => t.Topic == position.Topic) ?? Topics.MaxBy(t => t.Retention)!;
            var earliest = now - topic.Retention!.Value - topic.Segment;
            var at = isAtEnd ? now : topic.IsBrokersTime && position.NewestLoggedAt > earliest ? position.NewestLoggedAt.Value : earliest;
            if (at < slowest.At)
                slowest = (at, position);
        }
        return slowest;
    }

    /// <summary>How much of the window has to pass before the ledger is walked through again: a day, less where the window is short.</summary>
    public TimeSpan Step => TimeSpan.FromTicks(Math.Min(TimeSpan.TicksPerDay, Length!.Value.Ticks / 8));

    static string Text(TimeSpan time) => time.TotalDays >= 1 ? FormattableString.Invariant($"{time.TotalDays:0.##} days") : FormattableString.Invariant($"{time.TotalHours:0.##} hours");
}
