using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;

namespace Pipeline.Sinks.Health;

/// <summary>Asks every dependency every second, so that a health request never waits for one that hangs. One that hangs does not delay the others.</summary>
public sealed class DependencyWatch : BackgroundService
{
    public const string MeterName = "Pipeline.Health";
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    readonly TimeProvider _clock;

    public DependencyWatch(IEnumerable<Dependency> dependencies, TimeProvider clock, IMeterFactory? meters = null)
    {
        (Dependencies, _clock) = ([.. dependencies], clock);
        var meter = meters?.Create(MeterName);
        meter?.CreateObservableGauge("pipeline_dependency_up", () => Known.Select(d => new Measurement<int>(d.State!.Healthy ? 1 : 0, Label(d))),
            description: "1 while the dependency answers.");
        meter?.CreateObservableGauge("pipeline_dependency_latency_seconds", () => Known.Select(d => new Measurement<double>(d.State!.LatencyMs / 1000, Label(d))), "s",
            "How long the last question took, answered or not.");
    }

    public IReadOnlyList<Dependency> Dependencies { get; }

    public bool IsHealthy(string name) => Dependencies.Any(d => d.Name == name && d.State is { Healthy: true });

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(Dependencies.Select(d => WatchAsync(d, stoppingToken)));

    async Task WatchAsync(Dependency dependency, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, _clock);
        do
            await dependency.AskAsync(stop);
        while (await timer.WaitForNextTickAsync(stop));
    }

    IEnumerable<Dependency> Known => Dependencies.Where(d => d.State is not null);

    static KeyValuePair<string, object?> Label(Dependency dependency) => new("dependency", dependency.Name);
}
