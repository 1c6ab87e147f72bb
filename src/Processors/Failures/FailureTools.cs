using Pipeline.Processors.Failures.RabbitMq;

namespace Pipeline.Processors.Failures;

/// <summary>What everybody needs who receives or publishes failures.</summary>
/// <param name="Ready">Completes when the topology is there and is ours.</param>
sealed record FailureTools(RabbitMqReceiver Receiver, RabbitMqNames Names, Task Ready, StopTokens Stop, FailureWork Work, TimeProvider Clock, ILogger Log)
{
    /// <summary>Repeats what waits for a dependency until it succeeds. Once stopped it does nothing more: what another one has by then must not be handed over by both.</summary>
    public async Task PersistAsync(string queue, Func<CancellationToken, Task> call, CancellationToken stop)
    {
        for (var failures = 0; ; failures++)
        {
            stop.ThrowIfCancellationRequested();
            try
            {
                await call(stop);
                if (failures > 0)
                    Work.Runs(queue);
                return;
            }
            catch (Exception e) when (!stop.IsCancellationRequested)
            {
                Work.Failed(queue, e.Message);
                Log.MessageWaits(queue, e.Message);
                await Task.Delay(Backoff.After(failures), Clock, stop);
            }
        }
    }
}

/// <param name="Refusing">Nothing new is begun from here on.</param>
/// <param name="Abandoning">What is at hand is given up from here on.</param>
readonly record struct StopTokens(CancellationToken Refusing, CancellationToken Abandoning);
