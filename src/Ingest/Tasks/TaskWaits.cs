using System.Collections.Concurrent;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Ingest.Tasks;

/// <summary>Clients that wait for the end of a task. One question to the store, ten times a second, for all of them; none while nobody waits.</summary>
sealed class TaskWaits(TaskReader tasks, TimeProvider clock) : BackgroundService
{
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    readonly ConcurrentDictionary<(TaskKey Task, object Waiter), TaskCompletionSource> _waiting = new();
    readonly SemaphoreSlim _some = new(0);

    /// <summary>Returns when the task has ended, or is not there, or when the time is over.</summary>
    public async Task EndedAsync(TaskKey task, TimeSpan within, CancellationToken stop)
    {
        var key = (task, new object());
        var ended = _waiting[key] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _some.Release();
        try
        {
            await ended.Task.WaitAsync(within, clock, stop);
        }
        catch (TimeoutException)
        {
            // The answer says how far it is.
        }
        finally
        {
            _waiting.TryRemove(key, out _);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await _some.WaitAsync(stoppingToken);
            while (!_waiting.IsEmpty)
            {
                await LookAsync(stoppingToken);
                await Task.Delay(Interval, clock, stoppingToken);
            }
        }
    }

    async Task LookAsync(CancellationToken stop)
    {
        try
        {
            var ended = (await tasks.EndedAsync([.. _waiting.Keys.Select(k => k.Task).Distinct()], stop)).ToHashSet();
            foreach (var (key, waiter) in _waiting)
                if (ended.Contains(key.Task))
                    waiter.TrySetResult();
        }
        catch (Exception) when (!stop.IsCancellationRequested)
        {
            // Those who wait are answered when their time is over, by a read that says so.
        }
    }

    public override void Dispose()
    {
        _some.Dispose();
        base.Dispose();
    }
}
