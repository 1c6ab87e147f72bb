using Pipeline.Processors.Failures.RabbitMq;

namespace Pipeline.Processors.Failures;

/// <summary>Declares and checks the exchanges and queues when the host starts. Waits for a server that is down; ends the process where a queue is another one.</summary>
sealed class TopologyAtStart(RabbitMqPublisher publisher, TimeProvider clock, ILogger<TopologyAtStart> log, IHostApplicationLifetime lifetime) : BackgroundService
{
    readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when everything is there and as it should be.</summary>
    public Task Ready => _ready.Task;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var failures = 0; ; failures++)
        {
            try
            {
                await publisher.PingAsync(stoppingToken);
                _ready.TrySetResult();
                return;
            }
            catch (TopologyMismatchException e)
            {
                log.TopologyMismatch(e.Message);
                Environment.ExitCode = 1;
                lifetime.StopApplication();
                return;
            }
            catch (RabbitMqUnavailableException e)
            {
                log.RabbitMqWaits(e.Message);
                await Task.Delay(Backoff.After(failures), clock, stoppingToken);
            }
        }
    }
}
