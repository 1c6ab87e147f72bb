using System.Collections.Concurrent;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis.Requests;

/// <summary>
/// What this process executes now. Once a second it asks the store which of it was cancelled, and keeps the leases of the rest: a process that stands still or dies loses them.
/// </summary>
sealed class RunningTasks(TaskExecution tasks, Breaker postgres, TimeProvider clock, ILogger<RunningTasks> log) : BackgroundService
{
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    readonly ConcurrentDictionary<TaskKey, CancellationTokenSource> _running = new();

    public int Count => _running.Count;

    /// <param name="work">Its token is cancelled when the task is, or with <paramref name="stop"/>.</param>
    public async Task<T> RunAsync<T>(TaskKey task, Func<CancellationToken, Task<T>> work, CancellationToken stop)
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(stop);
        // The same task twice at a time: a record that was read again after a rebalance. Either execution is as good, one of them is watched.
        var watched = _running.TryAdd(task, cancel);
        try
        {
            return await work(cancel.Token);
        }
        finally
        {
            if (watched)
                _running.TryRemove(task, out _);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (_running.IsEmpty)
                continue;
            try
            {
                foreach (var task in await postgres.RunAsync(stop => tasks.RenewAsync([.. _running.Keys], stop), stoppingToken))
                    Cancel(task);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // The leases run out if it lasts; then somebody else executes the same again, and the first answer counts.
                log.LeasesNotKept(_running.Count, e.Message);
            }
        }
    }

    void Cancel(TaskKey task)
    {
        if (!_running.TryGetValue(task, out var cancel))
            return;
        try
        {
            cancel.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It has just ended.
        }
    }
}
