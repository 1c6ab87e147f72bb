using Pipeline.Contracts.Events;

namespace Pipeline.DevTool.Simulation;

/// <summary>One event and how it comes in. Times are unix ms.</summary>
/// <param name="OccurredAtMs">When it happened. The event's own timestamp is <paramref name="SkewMs"/> later.</param>
/// <param name="ArrivedAtMs">When it is received.</param>
/// <param name="SkewMs">How much the clock of its user is ahead; 0 for most.</param>
/// <param name="IsRepeat">Whether it was sent before.</param>
/// <param name="Bytes">Valid until the next day is asked for.</param>
readonly record struct SimulatedEvent(
    EventType Type, int User, long OccurredAtMs, long ArrivedAtMs, long SkewMs, bool IsRepeat, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>How long an event is on its way, by a clock that is right.</summary>
    public const long WayMs = 120;

    /// <summary>When its sender says it sends it.</summary>
    public long SentAtMs => ArrivedAtMs - WayMs + SkewMs;
}
