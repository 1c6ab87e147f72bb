using Npgsql;
using Pipeline.Sinks.Postgres.Days;

namespace Pipeline.Processors.Events;

/// <param name="Sessions">In no pool: a session holds a lock and a search path.</param>
/// <param name="Armed">Told of the points that a pass passes; null in operation.</param>
sealed record DaysTools(NpgsqlDataSource Sessions, TimeSpan Interval, Task SchemaReady, Action<DaysPoint>? Armed);

/// <summary>
/// Adds up days that are over, and those in which something changed since, so that answers of long windows read a row a day. Any number of processes may run it: a lock lets one work at
/// a time. How far it is stands in the store; while it does not run, answers are the same and take longer.
/// </summary>
sealed class ClosedDaysWorker(DaysTools tools, TimeProvider clock, ILogger<ClosedDaysWorker> log) : BackgroundService
{
    /// <summary>For each second of adding up, so many without: old events that come in bulk change their days all the time, and are not to be slowed down.</summary>
    const int PauseFactor = 9;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await tools.SchemaReady.WaitAsync(stoppingToken);
        while (!stoppingToken.IsCancellationRequested)
        {
            var begun = clock.GetTimestamp();
            try
            {
                await using var session = await tools.Sessions.OpenConnectionAsync(stoppingToken);
                var days = new ClosedDays(session, tools.Armed);
                if (await days.TakeTurnAsync(stoppingToken) && await days.PassAsync(clock.GetUtcNow().UtcDateTime, stoppingToken) is { IsFurther: true } pass)
                    log.DaysAddedUp(pass.Revision, pass.Before);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                log.DaysFailed(e.Message);
            }
            var pause = clock.GetElapsedTime(begun) * PauseFactor;
            await Task.Delay(pause > tools.Interval ? pause : tools.Interval, clock, stoppingToken);
        }
    }
}
