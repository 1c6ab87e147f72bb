using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis.Requests;

/// <summary>Ends tasks whose request never came, removes those that ended long ago, and bounds what engines share. Any number of processes may do it at a time.</summary>
/// <param name="store">Completes when the schema is there, with what writes tasks and its breaker.</param>
sealed class TaskKeeping(Task<(TaskAnswers Answers, CachedResults Cached, Breaker Postgres)> store, AnalysisSettings settings, TimeProvider clock, ILogger<TaskKeeping> log) : BackgroundService
{
    static readonly TimeSpan IntervalMost = TimeSpan.FromMinutes(5);

    /// <summary>Longer than all attempts of one that takes its time, with the waits between them: what has not ended by then was lost on its way, as when a queue was deleted.</summary>
    static readonly TimeSpan OverdueAfter = TimeSpan.FromHours(6);

    /// <summary>Tasks that were read and have not ended for so long.</summary>
    public long Overdue { get; private set; }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var (answers, cached, postgres) = await store.WaitAsync(stoppingToken);
        var least = settings.UnreadAfter < settings.TasksFor ? settings.UnreadAfter : settings.TasksFor;
        using var timer = new PeriodicTimer(least < IntervalMost ? least : IntervalMost, clock);
        do
        {
            try
            {
                // In steps, so that no statement holds many rows.
                while (await postgres.RunAsync(stop => answers.AbandonUnreadAsync(settings.UnreadAfter, stop), stoppingToken) is > 0 and var abandoned)
                    log.TasksNotRead(abandoned);
                while (await postgres.RunAsync(stop => answers.ForgetAsync(settings.TasksFor, stop), stoppingToken) is > 0 and var forgotten)
                    log.TasksForgotten(forgotten);
                Overdue = await postgres.RunAsync(stop => answers.CountOverdueAsync(OverdueAfter, settings.TasksFor, stop), stoppingToken);
                await postgres.RunAsync(stop => cached.TrimAsync(settings.CacheFor, settings.SharedCacheBytesMax, stop), stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                log.TaskKeepingWaits(e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
