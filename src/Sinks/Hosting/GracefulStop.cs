using Microsoft.Extensions.Hosting;

namespace Pipeline.Sinks.Hosting;

/// <summary>How much time each part of a stop may take.</summary>
/// <param name="Delay">The host says that it is not ready and goes on working, so that load balancers notice before anything is refused.</param>
/// <param name="Budget">New work is refused, what is under way ends.</param>
public sealed record StopTimes(TimeSpan Delay, TimeSpan Budget)
{
    /// <summary>For what comes after the work: leaving the group, closing sessions.</summary>
    public static readonly TimeSpan Closing = TimeSpan.FromSeconds(5);

    /// <summary>For what the host lets go of last; nothing of ours hangs there, a client library may.</summary>
    static readonly TimeSpan Disposing = TimeSpan.FromSeconds(2);

    /// <summary>What the platform's host gives its services to stop.</summary>
    public TimeSpan Host => Delay + Budget + Closing;

    /// <summary>After it the process ends itself, whatever hangs.</summary>
    public TimeSpan Most => Host + Disposing;
}

/// <summary>
/// The stop of a host in its order: 1. readiness is false; 2. after the delay new work is refused and what is under way ends; 3. when the
/// budget is spent it is abandoned. Nothing is lost by the third: what was not committed or acknowledged does not count.
/// </summary>
public sealed class GracefulStop(StopTimes times, IHostApplicationLifetime lifetime, TimeProvider clock) : IHostedLifecycleService, IDisposable
{
    readonly CancellationTokenSource _refusing = new(), _abandoning = new();
    ITimer? _budget;

    /// <summary>Cancelled when the delay is over. Every road ends by this and not one after another, else each would take a budget of its own.</summary>
    public CancellationToken Refusing => _refusing.Token;

    /// <summary>Cancelled when the budget is spent.</summary>
    public CancellationToken Abandoning => _abandoning.Token;

    /// <summary>Runs before the host stops any of its services; the web server is the first of them.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        // Readiness looks at the lifetime; a stop that no signal asked for has not told it yet.
        lifetime.StopApplication();
        await Task.Delay(times.Delay, clock, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _budget = clock.CreateTimer(_ => _abandoning.Cancel(), null, times.Budget, Timeout.InfiniteTimeSpan);
        await _refusing.CancelAsync();
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _budget?.Dispose();
        _refusing.Dispose();
        _abandoning.Dispose();
    }
}
