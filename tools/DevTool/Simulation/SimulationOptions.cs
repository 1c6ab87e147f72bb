namespace Pipeline.DevTool.Simulation;

/// <summary>What is simulated. Equal options make equal bytes, ids included.</summary>
sealed record SimulationOptions
{
    public const int UsersMax = 100_000, DaysMax = 3660;

    /// <summary>Default 20.</summary>
    public int Users { get; init; } = 20;

    /// <summary>How many days before <see cref="Until"/> it begins. Default 14.</summary>
    public int Days { get; init; } = 14;

    /// <summary>Events of a user in an hour of work. It changes how dense the events are, and not who works when. Default 120.</summary>
    public double Rate { get; init; } = 120;

    public int Seed { get; init; } = 1;

    /// <summary>Default 0: one for every ten users, at least two.</summary>
    public int Projects { get; init; }

    /// <summary>Where it ends: no event is of this time or later.</summary>
    public required DateTimeOffset Until { get; init; }

    /// <summary>The share of their days of work on which users are there at all. Default 1; 0.02 makes a year of people who come five times.</summary>
    public double Presence { get; init; } = 1;

    /// <summary>The share of events that arrive more than five minutes after they happened. Default 0.</summary>
    public double LateShare { get; init; }

    /// <summary>The share of events that are sent a second time. Default 0.</summary>
    public double DuplicateShare { get; init; }

    /// <summary>The share of users whose clock is wrong: their events' times and the times at which they say they send. Default 0.</summary>
    public double SkewShare { get; init; }

    public int ProjectCount => Projects > 0 ? Projects : Math.Max(2, Users / 10);

    public long UntilMs => Until.ToUnixTimeMilliseconds();

    public long FromMs => UntilMs - (Days * 24L * 3600 * 1000);

    /// <summary>The same people at the same hours, with the rate that makes about this many events.</summary>
    public SimulationOptions WithEvents(long events)
    {
        var hours = Schedule.WorkedHours(this);
        return hours > 0 ? this with { Rate = events / hours } : throw new FailureException("nobody works in these days: there is no rate that makes events");
    }

    /// <summary>Null, or what is wrong.</summary>
    public string? Fault =>
        Users is < 1 or > UsersMax ? $"--users is 1 to {UsersMax}"
        : Days is < 1 or > DaysMax ? $"--days is 1 to {DaysMax}"
        : Projects is < 0 or > UsersMax ? $"--projects is 1 to {UsersMax}"
        : !(Rate is > 0 and <= 100_000) ? "--rate is more than 0 and at most 100000 events an hour"
        : !(Presence is > 0 and <= 1) ? "--presence is more than 0 and at most 1"
        : new[] { LateShare, DuplicateShare, SkewShare }.Any(share => !(share is >= 0 and <= 1)) ? "a share is 0 to 1"
        : FromMs < YearAfter2000Ms ? "--until and --days begin before 2001"
        : null;

    /// <summary>The contract takes no event from before 2000; clocks that are wrong stay on the right side of it.</summary>
    const long YearAfter2000Ms = 978_307_200_000;
}
