using Pipeline.Processors.Failures;
using Pipeline.Sinks.Influx;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis.Schedules;

/// <summary>What writing the points of scheduled analyses needs.</summary>
sealed record ScheduledPointsTools(FinishedRuns Finished, ScheduledRuns Runs, InfluxWriter Influx, Breakers Breakers, Task SchemaReady);

/// <summary>Writes what came of scheduled analyses to InfluxDB, from their tasks: InfluxDB may be down for as long as tasks are kept. Points that are written again overwrite themselves.</summary>
/// <param name="tasksFor">How long tasks are kept.</param>
sealed class ScheduledPoints(ScheduleList list, ScheduledPointsTools tools, TimeSpan tasksFor, TimeProvider clock, ILogger<ScheduledPoints> log) : BackgroundService
{
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(2), ForgetsEvery = TimeSpan.FromMinutes(10);

    /// <summary>A run that is forgotten while its time may still be caught up with would be done again.</summary>
    static readonly TimeSpan KeptAtLeast = ScheduledAnalyses.CatchUp + TimeSpan.FromHours(1);

    readonly Dictionary<string, Schedule> _schedules = list.Schedules.ToDictionary(s => s.Name, StringComparer.Ordinal);
    string _trouble = "";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await tools.SchemaReady.WaitAsync(stoppingToken);
        var forgot = clock.GetTimestamp();
        using var timer = new PeriodicTimer(Interval, clock);
        do
        {
            try
            {
                while (await tools.Finished.WriteAsync(_schedules.Keys, WriteAsync, stoppingToken) > 0)
                {
                }
                if (clock.GetElapsedTime(forgot) > ForgetsEvery)
                {
                    while (await tools.Runs.ForgetAsync(tasksFor > KeptAtLeast ? tasksFor : KeptAtLeast, stoppingToken) > 0)
                    {
                    }
                    forgot = clock.GetTimestamp();
                }
                _trouble = "";
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // Said once for each kind of trouble, not every two seconds.
                if (_trouble != e.Message)
                    log.ScheduledPointsWait(_trouble = e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    /// <returns>Why there are no points; null when they are stored. A fault of one run's result must not keep the others' from being written.</returns>
    async Task<string?> WriteAsync(FinishedRun run, CancellationToken stop)
    {
        var lines = new LineProtocol();
        try
        {
            ScheduledPoint.Write(lines, _schedules[run.Run.Schedule], run);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return Refused(run, $"its result cannot be told as points ({e.GetType().Name})", e.Message);
        }
        if (lines.Length == 0)
            return null;
        try
        {
            // Left out for their age is what retention would do next.
            await tools.Breakers.Influx.RunAsync(s => tools.Influx.WriteAsync(lines.Bytes, s), stop);
            return null;
        }
        catch (InfluxRefusedException e)
        {
            return Refused(run, "InfluxDB refused its points", e.Message);
        }
    }

    /// <summary>What the store keeps names nobody; the log says more.</summary>
    string Refused(FinishedRun run, string why, string message)
    {
        log.ScheduledPointsRefused(run.Run.Schedule, run.Run.DueAt, $"{why}: {message}");
        return why;
    }
}
