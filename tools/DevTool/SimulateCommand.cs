using Pipeline.DevTool.Simulation;
using Pipeline.DevTool.Simulation.Sending;

namespace Pipeline.DevTool;

/// <summary>Makes annotation work and sends it, writes it to a file, or only counts it.</summary>
static class SimulateCommand
{
    public const string Tracker = "sim-tracker", TrackerVersion = "2.5.0";

    const string Usage = """
        usage: ./dev simulate [OPTION…]       annotation work as it might have been; projects and users are named sim-…

          --users N             20            --days D             14, before --until
          --rate R              120           events of a user in an hour of work
          --events N                          chooses the rate that makes about N events
          --projects N          one for ten users, at least two
          --until TIME          now           RFC 3339 or a day; where it ends
          --presence SHARE      1             of their days of work on which users are there
          --seed S              1             equal options and seed (and --until): equal bytes
          --late SHARE          0             of events that arrive more than five minutes after they happened
          --duplicates SHARE    0             of events that are sent twice
          --skew SHARE          0             of users whose clock is wrong, in what they say of sending too
          --to http|topic       http          topic: with the header of a receipt in the past; by http everything is received now
          --url, --kafka, --topic             other addresses than those of ./dev up, another topic than efficiency.events
          --speed N                           events a second, an open loop; without it as fast as they are accepted
          --count                             sends nothing, prints how many there would be
          --out FILE.ndjson[.gz]              writes them instead
        """;

    /// <summary>Options without a value.</summary>
    public static readonly string[] Flags = ["count", "help"];

    static readonly string[] Names =
    [
        "users", "days", "rate", "events", "seed", "projects", "until", "presence", "late", "duplicates", "skew",
        "to", "url", "kafka", "topic", "speed", "count", "out", "help",
    ];

    public static async Task<int> Run(Arguments arguments, CancellationToken stop)
    {
        arguments.OnlyNamed(Names);
        if (arguments.Has("help"))
        {
            Console.WriteLine(Usage);
            return 0;
        }
        var options = OptionsOf(arguments);
        var tally = new Tally();
        var pace = new Pace(arguments.Find("speed") is null ? null : arguments.Decimal("speed", 0) is > 0 and var speed ? speed : throw new UsageException("--speed is more than 0"));
        var events = tally.Count(new SimulatedWork(options).Events());
        var sends = false;
        if (arguments.Has("count"))
            Exhaust(events, stop);
        else if (arguments.Find("out") is { } path)
            FileRoad.Write(events, path, stop);
        else
        {
            sends = true;
            try
            {
                await Send(arguments, events, options.Seed, pace, tally, stop);
            }
            catch (Exception) when (tally.Made > 0)
            {
                // Whatever ends it, also Ctrl-C: what was sent until then was sent.
                Print(options, tally, pace.Elapsed, sends);
                throw;
            }
        }
        return Print(options, tally, pace.Elapsed, sends);
    }

    static SimulationOptions OptionsOf(Arguments arguments)
    {
        var defaults = new SimulationOptions { Until = default };
        var options = new SimulationOptions
        {
            Users = arguments.Number("users", defaults.Users),
            Days = arguments.Number("days", defaults.Days),
            Rate = arguments.Decimal("rate", defaults.Rate),
            Seed = arguments.Number("seed", defaults.Seed),
            Projects = arguments.Number("projects", defaults.Projects),
            // Whole seconds, so that the line that repeats the run can say it.
            Until = DateTimeOffset.FromUnixTimeSeconds(arguments.Time("until", TimeProvider.System.GetUtcNow()).ToUnixTimeSeconds()),
            Presence = arguments.Decimal("presence", defaults.Presence),
            LateShare = arguments.Decimal("late", defaults.LateShare),
            DuplicateShare = arguments.Decimal("duplicates", defaults.DuplicateShare),
            SkewShare = arguments.Decimal("skew", defaults.SkewShare),
        };
        if (options.Fault is { } fault)
            throw new UsageException(fault);
        return arguments.Find("events") is null ? options
            : arguments.Find("rate") is null ? options.WithEvents(arguments.Number("events", 0)) : throw new UsageException("--events chooses the rate; give one of them");
    }

    static void Exhaust(IEnumerable<SimulatedEvent> events, CancellationToken stop)
    {
        foreach (var _ in events)
            stop.ThrowIfCancellationRequested();
    }

    static async Task Send(Arguments arguments, IEnumerable<SimulatedEvent> events, int seed, Pace pace, Tally tally, CancellationToken stop)
    {
        switch (arguments.Text("to", "http"))
        {
            case "topic":
                await TopicRoad.Send(events, Address(arguments, "kafka", "KAFKA"), arguments.Text("topic", Contracts.Topics.EfficiencyEvents), pace, tally, stop);
                break;
            case "http":
                using (var http = new HttpClient { BaseAddress = new Uri(Address(arguments, "url", "INGEST_URL")), Timeout = TimeSpan.FromSeconds(60) })
                    await new HttpRoad(http, pace, tally, seed).Send(events, stop);
                break;
            case var other:
                throw new UsageException($"--to is http or topic, not {other}");
        }
    }

    static string Address(Arguments arguments, string name, string variable) =>
        arguments.Find(name) ?? throw new FailureException($"there is nobody to send to: ./dev up starts everything, {variable}=ADDRESS ./dev simulate … or --{name} ADDRESS names somebody");

    static int Print(SimulationOptions options, Tally tally, TimeSpan elapsed, bool sends)
    {
        if (sends)
            tally.PrintSent();
        else
            tally.PrintMade();
        var what = sends ? $"{tally.Made} sent, {tally.Accepted} accepted, {tally.Refused} refused" : $"{tally.Made} events";
        Console.WriteLine($"{what} in {elapsed.TotalSeconds:0.0} s ({tally.Made / elapsed.TotalSeconds:0}/s), {options.ProjectCount} projects, {options.Rate:0.##} an hour of work");
        Console.WriteLine($"seed {options.Seed}, until {options.Until:yyyy-MM-dd'T'HH:mm:ss'Z'}: with --seed {options.Seed} --until {options.Until:yyyy-MM-dd'T'HH:mm:ss'Z'} the same again");
        return sends && tally.Accepted != tally.Made ? 1 : 0;
    }
}
