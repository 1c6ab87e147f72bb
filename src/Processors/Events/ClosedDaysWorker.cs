using Npgsql;
using Pipeline.Sinks.Postgres.Days;

namespace Pipeline.Processors.Events;

/// <summary>
/// Adds up days that are over, and those in which something changed since, so that answers of long windows read a row a day. Any number of processes may run it: a lock lets one work at
/// a time. How far it is stands in the store; while it does not run, answers are the same and take longer.
/// </summary>
/// <param name="sessions">In no pool: a session holds a lock and a search path.</param>
/// <param name="armed">Told of the points that a pass passes; null in operation.</param>
sealed class ClosedDaysWorker(NpgsqlDataSource sessions, TimeSpan interval, Task schemaReady, Action<DaysPoint>? armed, TimeProvider clock, ILogger<ClosedDaysWorker> log) : BackgroundService
{
    /// <summary>For each second of adding up, so many without: old events that come in bulk change their days all the time, and are not to be slowed down.</summary>
    const int PauseFactor = 9;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await schemaReady.WaitAsync(stoppingToken);
        while (!stoppingToken.IsCancellationRequested)
        {
            var begun = clock.GetTimestamp();
            try
            {
                await using var session = await sessions.OpenConnectionAsync(stoppingToken);
                var days = new ClosedDays(session, armed);
                if (await days.TakeTurnAsync(stoppingToken) && await days.PassAsync(clock.GetUtcNow().UtcDateTime, stoppingToken) is { IsFurther: true } pass)
                    log.DaysAddedUp(pass.Revision, pass.Before);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                log.DaysFailed(e.Message);
            }
            var pause = clock.GetElapsedTime(begun) * PauseFactor;
            await Task.Delay(pause > interval ? pause : interval, clock, stoppingToken);
        }
    }
}
