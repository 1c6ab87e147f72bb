using Pipeline.Faults.Servers;

namespace Pipeline.Faults.Catalogue;

/// <summary>Every fault there is, in the order in which docs/faults.md tells them.</summary>
static class Faults
{
    public static IReadOnlyList<Fault> All { get; } =
    [
        new KilledAtPoint("processor killed inside COPY", "InsideCopy"),
        new KilledAtPoint("processor killed before COMMIT", "BeforeCommit"),
        new KilledAtPoint("processor killed after COMMIT", "AfterCommit"),
        new PostgresStops("PostgreSQL restarted, fast", ServerProcess.SigInt),
        new PostgresStops("PostgreSQL restarted, immediate", ServerProcess.SigQuit),
        new PostgresStops("PostgreSQL killed", ServerProcess.SigKill),
    ];

    public static Fault Named(string name) => All.Single(f => f.Name == name);
}
