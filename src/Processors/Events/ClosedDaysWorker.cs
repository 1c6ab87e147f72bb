using Npgsql;
using Pipeline.Sinks.Postgres.Days;

namespace Pipeline.Processors.Events;

/// <summary>
/// Adds up days that are over, and those in which something changed since, so that answers of long windows read a row a day. Any number of processes may run it: a lock lets one work at
/// a time. How far it is stands in the store; while it does not run, answers are the same and take longer.
/// </summary>
/// <param name="sessions">In no pool: a session holds a lock and a search path.</param>
sealed class ClosedDaysWorker(NpgsqlDataSource sessions, Task schemaReady, Action<DaysPoint>? armed, TimeProvider clock, ILogger<ClosedDaysWorker> log) : BackgroundService
{
    static readonly TimeSpan Pause = TimeSpan.FromSeconds(5), AfterFailure = TimeSpan.FromSeconds(30);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await schemaReady.WaitAsync(stoppingToken);
        while (!stoppingToken.IsCancellationRequested)
        {
            var (pause, begun) = (Pause, clock.GetTimestamp());
            try
            {
                await using var session = await sessions.OpenConnectionAsync(stoppingToken);
                var days = new ClosedDays(session, armed);
                if (await days.TakeTurnAsync(stoppingToken) && await days.PassAsync(clock.GetUtcNow().UtcDateTime, stoppingToken) is { IsFurther: true } pass)
                    log.DaysAddedUp(pass.Revision, pass.Before);
                // Half the time at most: what is changed without end would be added up without end.
                pause = clock.GetElapsedTime(begun) is var took && took > Pause ? took : Pause;
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                log.DaysFailed(e.Message);
                pause = AfterFailure;
            }
            await Task.Delay(pause, clock, stoppingToken);
        }
    }
}
