namespace Pipeline.Oracle;

/// <summary>[from, to), both multiples of 15 minutes; a missing end is open.</summary>
public sealed record Window(DateTimeOffset? From, DateTimeOffset? To)
{
    public static readonly Window Open = new(null, null);

    public DateTimeOffset? From { get; } = OnGrid(From);

    public DateTimeOffset? To { get; } = OnGrid(To);

    /// <summary>From two times such as <c>2024-05-06T09:15:00Z</c>.</summary>
    public static Window Of(string from, string to) => new(Times.At(Times.Parse(from)), Times.At(Times.Parse(to)));

    internal bool Holds(long us) => (From is null || us >= Times.Us(From.Value)) && (To is null || us < Times.Us(To.Value));

    static DateTimeOffset? OnGrid(DateTimeOffset? time) => time is null || time.Value.UtcTicks % TimeSpan.FromMinutes(15).Ticks == 0
        ? time : throw new ArgumentException($"{time:O} is no multiple of 15 minutes.", nameof(time));
}
