using System.Diagnostics.Metrics;
using Npgsql;

namespace Pipeline.Sinks.Health;

/// <summary>
/// How far this host's clock is from PostgreSQL's, asked together with whether it answers. Times of receipt are this host's: a wrong clock
/// corrupts nothing, but shifts what is told by them.
/// </summary>
public sealed class ClockSkew
{
    readonly NpgsqlDataSource _database;
    readonly TimeProvider _clock;

    public ClockSkew(NpgsqlDataSource database, TimeProvider clock, IMeterFactory meters)
    {
        (_database, _clock) = (database, clock);
        meters.Create(DependencyWatch.MeterName).CreateObservableGauge("pipeline_clock_skew_seconds", Measure, "s", "This host's clock minus PostgreSQL's; positive: this host is ahead.");
    }

    /// <summary>This host's clock minus PostgreSQL's; null until it was asked.</summary>
    public double? Seconds { get; private set; }

    public async Task AskAsync(CancellationToken stop)
    {
        await using var command = _database.CreateCommand("SELECT clock_timestamp()");
        var before = _clock.GetUtcNow();
        var there = (DateTime)(await command.ExecuteScalarAsync(stop))!;
        var after = _clock.GetUtcNow();
        // The answer was made somewhere in between; within that, the clocks agree.
        Seconds = there < before ? (before - there).TotalSeconds : there > after ? (after - there).TotalSeconds : 0;
    }

    IEnumerable<Measurement<double>> Measure() => Seconds is { } seconds ? [new Measurement<double>(seconds)] : [];
}
