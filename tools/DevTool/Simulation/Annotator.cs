using System.Text;

namespace Pipeline.DevTool.Simulation;

/// <summary>One user: habits that stay, and what grows or waits from day to day.</summary>
sealed class Annotator
{
    const int RookieDays = 12;

    Annotator(int number, Project[] projects)
    {
        (Number, Projects) = (number, projects);
        Id = IdOf(number);
    }

    public static byte[] IdOf(int number) => Encoding.ASCII.GetBytes($"sim-user-{number + 1:0000}");

    public int Number { get; }

    public byte[] Id { get; }

    /// <summary>One to three; the first takes most of the time.</summary>
    public Project[] Projects { get; }

    public Habits Habits { get; private init; } = null!;

    /// <summary>0.5 to 1: how good this user gets.</summary>
    public double Talent { get; private init; }

    /// <summary>Reviewers look at the tasks of others as well.</summary>
    public bool IsReviewer { get; private init; }

    /// <summary>0.5 to 1.2: how well the browser and the machine below it do.</summary>
    public double Machine { get; private init; }

    /// <summary>How much the clock is ahead, ms.</summary>
    public long SkewMs { get; private init; }

    /// <summary>How many days this user has worked with the tools.</summary>
    public int DaysWorked { get; set; }

    public int Tasks { get; set; }

    public int Objects { get; set; }

    public int Sessions { get; set; }

    /// <summary>What was left undone the day before.</summary>
    public WorkItem? Open { get; set; }

    /// <summary>Tasks that a review sent back.</summary>
    public Queue<WorkItem> Returned { get; } = new();

    /// <summary>0.25 to 1: an exponential learning curve, most of which a newcomer has behind after two weeks.</summary>
    public double Proficiency => Talent * (1 - (0.5 * Math.Exp(-(double)DaysWorked / RookieDays)));

    public static Annotator Draw(SimulationOptions options, int number, Project[] projects)
    {
        var chance = Chance.Of(options.Seed, Purpose.Annotator, number);
        // Every project gets its people, whatever the chances: the first is dealt out, others are drawn.
        var own = new List<Project> { projects[number % projects.Length] };
        for (var more = chance.Below(3); more > 0; more--)
            if (chance.Pick(projects) is var another && !own.Contains(another))
                own.Add(another);
        return new Annotator(number, [.. own])
        {
            Habits = Habits.Draw(options, number),
            Talent = chance.Between(0.5, 1),
            DaysWorked = chance.Is(0.5) ? 0 : chance.Below(200),
            // Dealt out evenly, as the wrong clocks are, so that a small run has them too.
            IsReviewer = number % 6 == 3,
            Machine = chance.Between(0.5, 1.2),
            SkewMs = IsDealt(options.SkewShare, number) ? Skew(ref chance) : 0,
        };
    }

    /// <summary>Whether number <paramref name="number"/> is among those to whom a share of all falls, as evenly as it goes.</summary>
    static bool IsDealt(double share, int number) => Math.Floor((number + 1) * share + 1e-9) > Math.Floor(number * share + 1e-9);

    /// <summary>Half a minute to six hours, in either direction: more than the five seconds that the contract tolerates.</summary>
    static long Skew(ref Chance chance)
    {
        var ms = (long)Math.Clamp(chance.LogNormal(4 * 60_000, 1.2), 30_000, 6 * 3_600_000);
        return chance.Is(0.5) ? ms : -ms;
    }
}

/// <summary>When somebody works, in local time. Drawn apart from everything else: <see cref="Schedule"/> asks for it without the rest.</summary>
/// <param name="ZoneMinutes">East of UTC.</param>
sealed record Habits(int ZoneMinutes, int StartMinute, double Hours, DayOfWeek? Off, DayOfWeek? AlsoOff, int FirstDay, int LastDay)
{
    static readonly DayOfWeek[] WorkDays = [DayOfWeek.Monday, DayOfWeek.Tuesday, DayOfWeek.Wednesday, DayOfWeek.Thursday, DayOfWeek.Friday];

    /// <summary>Teams on four continents, one of them off the whole hour.</summary>
    static readonly int[] Zones = [60, 60, 120, 330, 330, 420, 540, -300, -180, -480, 0];

    public static Habits Draw(SimulationOptions options, int user)
    {
        var (chance, days) = (Chance.Of(options.Seed, Purpose.Habits, user), options.Days);
        var partTime = chance.Is(0.3);
        var start = (int)chance.Between(7 * 60, 10 * 60);
        var hours = partTime ? chance.Between(3, 5) : chance.Between(6.5, 8.5);
        DayOfWeek? off = partTime || chance.Is(0.1) ? chance.Pick(WorkDays) : null, alsoOff = partTime && chance.Is(0.4) ? chance.Pick(WorkDays) : null;
        // In a long run some come later, some leave earlier.
        int first = 0, last = int.MaxValue;
        if (days > 30 && chance.Is(0.2))
            first = chance.Below(days * 3 / 4);
        else if (days > 30 && chance.Is(0.1))
            last = days - chance.Below(days * 3 / 4);
        return new Habits(Zones[user % Zones.Length], start, hours, off, alsoOff, first, last);
    }

    public bool WorksOn(DayOfWeek weekday, int day) => WorkDays.Contains(weekday) && weekday != Off && weekday != AlsoOff && day >= FirstDay && day <= LastDay;
}
