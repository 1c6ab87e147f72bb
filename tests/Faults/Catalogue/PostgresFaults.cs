using Pipeline.Faults.Harness;

namespace Pipeline.Faults.Catalogue;

/// <summary>PostgreSQL ends in one of three ways and is started again.</summary>
sealed class PostgresStops(string name, int signal) : Fault(name, 18)
{
    public override IReadOnlyList<Sign> Signs => [.. Sign.Down("postgres"), Sign.Partition("waiting"), Sign.Health(Sign.Ingest, "dependencies.postgres.healthy", "false")];

    public override Task InjectAsync(FaultRun run) => run.Postgres.StopAsync(signal);

    public override Task HealAsync(FaultRun run) => run.Postgres.StartAgainAsync();
}
