using Pipeline.Processors.Failures;
using Pipeline.Sinks.Influx;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis.Schedules;

/// <summary>Writes what came of scheduled analyses to InfluxDB, from their tasks: InfluxDB may be down for as long as tasks are kept. Points that are written again overwrite themselves.</summary>
sealed class ScheduledPoints(ScheduleList list, ScheduleTools tools, InfluxWriter influx, AnalysisSettings settings, ILogger<ScheduledPoints> log) : BackgroundService
{
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    readonly Dictionary<string, Schedule> _schedules = list.Schedules.ToDictionary(s => s.Name, StringComparer.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await tools.SchemaReady.WaitAsync(stoppingToken);
        using var timer = new PeriodicTimer(Interval);
        do
        {
            try
            {
                while (await tools.Runs.WriteFinishedAsync(_schedules.Keys, WriteAsync, stoppingToken) > 0)
                {
                }
                await tools.Runs.ForgetAsync(settings.TasksFor, stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                log.ScheduledPointsWait(e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    async Task<string?> WriteAsync(FinishedRun run, CancellationToken stop)
    {
        var lines = new LineProtocol();
        ScheduledPoint.Write(lines, _schedules[run.Run.Schedule], run);
        if (lines.Length == 0)
            return null;
        try
        {
            // Left out for their age is what retention would do next.
            await tools.Breakers.Influx.RunAsync(s => influx.WriteAsync(lines.Bytes, s), stop);
            return null;
        }
        catch (InfluxRefusedException e)
        {
            log.ScheduledPointsRefused(run.Run.Schedule, run.Run.DueAt, e.Message);
            return e.Message;
        }
    }
}
