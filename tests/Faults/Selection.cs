using Pipeline.Faults.Catalogue;

namespace Pipeline.Faults;

/// <summary>
/// Which faults this run has, decided at run time. <c>PIPELINE_FAULTS=all</c>: every one. A text: those whose name contains it. Else a
/// seeded selection that fits five minutes, and the seeds that failed once.
/// </summary>
static class Selection
{
    const int Lanes = 2;
    static readonly TimeSpan Budget = TimeSpan.FromMinutes(5);

    /// <summary>Servers are started while the first fault waits for them.</summary>
    const int StartSeconds = 25;

    public static int Seed { get; } = int.TryParse(Environment.GetEnvironmentVariable("PIPELINE_TEST_SEED"), out var given) ? given : Environment.TickCount & 0xFFFFFF;

    /// <summary>The faults of one lane, which runs beside the others.</summary>
    public static IEnumerable<(Fault Fault, int Seed)> Of(int lane) => Divided[lane];

    static readonly IReadOnlyList<(Fault Fault, int Seed)>[] Divided = Divide(Chosen());

    public static bool IsAll => Wish == "all";

    static string Wish => Environment.GetEnvironmentVariable("PIPELINE_FAULTS") ?? "";

    static List<(Fault, int)> Chosen()
    {
        if (IsAll)
            return [.. Catalogue.Faults.All.Select(f => (f, Seed))];
        if (Wish.Length > 0)
            return [.. Catalogue.Faults.All.Where(f => Wish.Split(',').Any(w => f.Name.Contains(w.Trim(), StringComparison.OrdinalIgnoreCase))).Select(f => (f, Seed))];
        var random = new Random(Seed);
        var left = Lanes * (Budget.TotalSeconds - StartSeconds);
        List<(Fault Fault, int)> chosen = [.. FailingSeeds.All.Select(s => (Catalogue.Faults.Named(s.Fault), s.Seed))];
        left -= chosen.Sum(c => c.Fault.UsualSeconds);
        foreach (var fault in Catalogue.Faults.All.OrderBy(_ => random.Next()))
        {
            if (fault.UsualSeconds > left)
                continue;
            left -= fault.UsualSeconds;
            chosen.Add((fault, Seed));
        }
        return chosen;
    }

    /// <summary>The longest first, each to the lane that has the least to do; faults of three brokers stay together, because they start the dearest server.</summary>
    static IReadOnlyList<(Fault, int)>[] Divide(List<(Fault Fault, int Seed)> chosen)
    {
        var lanes = Enumerable.Range(0, Lanes).Select(_ => new List<(Fault Fault, int Seed)>()).ToArray();
        foreach (var one in chosen.OrderByDescending(c => c.Fault.Needs.HasFlag(Need.Cluster)).ThenByDescending(c => c.Fault.UsualSeconds))
            (one.Fault.Needs.HasFlag(Need.Cluster) ? lanes[0] : lanes.MinBy(l => l.Sum(c => c.Fault.UsualSeconds))!).Add(one);
        return lanes;
    }
}

/// <summary>Seeds that once failed: each is run again in every selection.</summary>
static class FailingSeeds
{
    public static IReadOnlyList<(string Fault, int Seed)> All { get; } = [("requests: PostgreSQL restarted, immediate", 7327645)];
}
