using Pipeline.Sinks.Influx;

namespace Pipeline.Processors.Retention;

/// <summary>Sees to it that InfluxDB keeps points as long as configured, at start and then now and again. A token without that right is told of and nothing else: points are written all the same.</summary>
sealed class PointRetentionWorker(InfluxRetention influx, RetentionOptions options, RetentionWatch watch, TimeProvider clock, ILogger<PointRetentionWorker> log) : BackgroundService
{
    static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Points is not { } points)
            return;
        // InfluxDB counts in seconds.
        var duration = TimeSpan.FromSeconds(Math.Ceiling(points.TotalSeconds));
        while (!stoppingToken.IsCancellationRequested)
        {
            var pause = options.Interval;
            try
            {
                var found = await influx.EnsureAsync(duration, stoppingToken);
                if (found != watch.State.Points)
                    Tell(found, duration);
                watch.Note(s => s with { Points = found });
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                log.RetentionWaits($"InfluxDB: {e.Message}");
                pause = AfterFailure < pause ? AfterFailure : pause;
            }
            await Task.Delay(pause, clock, stoppingToken);
        }
    }

    void Tell(PointRetention found, TimeSpan duration)
    {
        if (found.Problem is { } problem)
            log.PointsNotRetained(duration.TotalDays, problem);
        else
            log.PointsRetained(duration.TotalDays);
    }
}
