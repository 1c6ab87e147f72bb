using System.Text;
using Pipeline.DevTool.Simulation;

namespace Pipeline.Benchmarks;

/// <summary>
/// Twelve months of work that are stored before anything is asked, and what comes after them in the simulation, which arrives while it is. People come on about two days of a month, so
/// that an hour of theirs has some fifteen events: a quarter of an hour holds few events of many kinds, which is much for aggregates.
/// </summary>
sealed record SimulatedYear(int Users, int Projects, int Stored, int Arriving)
{
    const int Seed = 1;
    const double Presence = 0.1;

    static readonly DateTimeOffset Until = DateTimeOffset.FromUnixTimeSeconds(DateTimeOffset.UtcNow.ToUnixTimeSeconds() / 86_400 * 86_400);

    int Days => (int)(365L * (Stored + Arriving) / Stored);

    /// <summary>A midnight before which little was stored.</summary>
    public static DateTimeOffset From(SimulatedYear year) => Until.AddDays(-year.Days);

    /// <summary>A fifth of the people in a fifth of the projects: each of them has the same hours and as many events as in the whole.</summary>
    public SimulatedYear Fifth => new(Users / 5, Projects / 5, Stored / 5, Arriving / 5);

    public IEnumerable<SimulatedEvent> Events() =>
        new SimulatedWork(new SimulationOptions { Users = Users, Projects = Projects, Days = Days, Seed = Seed, Until = Until, Presence = Presence }.WithEvents(Stored + Arriving)).Events();

    /// <summary>Performance events of everybody's usual day, as if it were the last 24 hours: what a series of a day reads.</summary>
    public IEnumerable<byte[]> PerformanceOfToday(double rate, DateTimeOffset now)
    {
        // The day up to a Saturday morning, when it is Friday's night in the west.
        var saturday = Until.AddDays(-(((int)Until.DayOfWeek + 1) % 7)).AddHours(6);
        var friday = new SimulatedWork(new SimulationOptions { Users = Users, Projects = Projects, Days = 1, Seed = Seed, Until = saturday, Rate = rate });
        foreach (var e in friday.Events())
            if (e.Type == Contracts.Events.EventType.Performance)
                yield return StampedEvent.Of(e.Bytes.Span, null, DateTimeOffset.FromUnixTimeMilliseconds(e.OccurredAtMs) + (now - saturday));
    }

    public static string UserId(int user) => Encoding.ASCII.GetString(SimulatedWork.UserId(user));

    public static string ProjectId(int project) => Encoding.ASCII.GetString(new Project(Seed, project).Name);
}
