using Microsoft.Extensions.Hosting;

namespace Pipeline.Sinks.Health;

/// <summary>Asks every dependency every two seconds, so that a health request never waits for one that hangs.</summary>
public sealed class DependencyWatch(IEnumerable<Dependency> dependencies, TimeProvider clock) : BackgroundService
{
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    public IReadOnlyList<Dependency> Dependencies { get; } = [.. dependencies];

    public bool IsHealthy(string name) => Dependencies.Any(d => d.Name == name && d.State is { Healthy: true });

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        do
            await Task.WhenAll(Dependencies.Select(d => d.AskAsync(stoppingToken)));
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
