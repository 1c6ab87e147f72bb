namespace Pipeline.Contracts.Events;

/// <summary>When an event happened, by a clock that can be trusted: the sender's, corrected where it is visibly wrong.</summary>
public static class OccurredAt
{
    const long SkewToleratedUs = 5 * Rfc3339.MicrosecondsPerSecond;
    const long FutureToleratedUs = 24 * 3600 * Rfc3339.MicrosecondsPerSecond;
    const long Year2000Us = 946_684_800 * Rfc3339.MicrosecondsPerSecond;

    /// <summary>
    /// The sender's clock is corrected when its send time differs from the receipt by more than 5 s; the age of the event at
    /// sending is then taken off the time of receipt. All times are unix microseconds.
    /// </summary>
    /// <returns>False when the result is before the year 2000 or more than 24 h after the receipt.</returns>
    public static bool TryResolve(long timestampUs, long? sentAtUs, long receivedAtUs, out long occurredAtUs, out bool corrected)
    {
        corrected = sentAtUs is { } sent && Math.Abs(sent - receivedAtUs) > SkewToleratedUs;
        occurredAtUs = corrected ? receivedAtUs - Math.Max(0, sentAtUs!.Value - timestampUs) : timestampUs;
        return occurredAtUs >= Year2000Us && occurredAtUs <= receivedAtUs + FutureToleratedUs;
    }
}
