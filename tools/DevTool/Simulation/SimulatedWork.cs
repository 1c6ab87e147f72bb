namespace Pipeline.DevTool.Simulation;

/// <summary>
/// Annotation work as it might have been: people with habits in projects with tools, over days. What a user does follows from what was left open, what a
/// review sent back, and chance. Events come day by day, within a day in the order in which they arrive; days of different time zones overlap.
/// </summary>
/// <example><c>foreach (var e in new SimulatedWork(new() { Users = 2000, Days = 365, Until = until }.WithEvents(5_000_000)).Events()) Send(e.Bytes);</c></example>
sealed class SimulatedWork
{
    readonly SimulationOptions _options;

    public SimulatedWork(SimulationOptions options) =>
        _options = options.Fault is { } fault ? throw new UsageException(fault) : options;

    public static byte[] UserId(int user) => Annotator.IdOf(user);

    /// <summary>Every event, repeats included. The bytes of one are valid until the next day's first is asked for; copy what is to be kept.</summary>
    public IEnumerable<SimulatedEvent> Events()
    {
        var projects = Enumerable.Range(0, _options.ProjectCount).Select(number => new Project(_options.Seed, number)).ToArray();
        var users = Enumerable.Range(0, _options.Users).Select(number => Annotator.Draw(_options, number, projects)).ToArray();
        var log = new DayLog(_options);
        var desk = new Desk(_options, log);
        var work = new TaskWork(desk);
        for (var (day, end) = Schedule.Days(_options); day < end; day++)
        {
            log.Clear();
            foreach (var user in users)
                if (desk.Open(user, day))
                    work.Day();
            foreach (var e in log.InOrder())
                yield return e;
        }
    }
}
