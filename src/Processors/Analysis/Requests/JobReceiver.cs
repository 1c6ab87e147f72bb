using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Failures;
using Pipeline.Processors.Failures.RabbitMq;
using RabbitMQ.Client;

namespace Pipeline.Processors.Analysis.Requests;

/// <summary>
/// Executes long requests from the three queues, a few at a time, in the proportion of their weights. RabbitMQ's own priorities do not exist for quorum queues, and strict ones would starve the low.
/// </summary>
sealed class JobReceiver(RequestWork work, RetryLadder ladder, JobPublisher jobs, FailureTools tools, WeightedTurns turns, int places) : BackgroundService
{
    public static readonly IReadOnlyList<AnalysisPriority> Priorities = [AnalysisPriority.High, AnalysisPriority.Normal, AnalysisPriority.Low];

    public static readonly int[] Weights = [8, 3, 1];

    /// <summary>A message that RabbitMQ has lent out for longer than its consumer timeout of 30 minutes is taken back; a job may run for most of that.</summary>
    static readonly TimeSpan WaitMost = TimeSpan.FromMinutes(5);

    readonly MessageHandling _messages = new(Roles.Analysis, ladder, tools);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, tools.Stop.Refusing);
        await tools.Ready.WaitAsync(ending.Token);
        // As many of each as could run at once: somebody of every priority waits here if there is one.
        await Task.WhenAll(Priorities.Select((priority, line) => tools.Receiver.RunAsync(new ReceivedQueue(tools.Names.JobQueue(priority.Name()), ExchangeType.Fanout, Prefetch: places),
            (message, lost) => HandleAsync(message, line, lost), tools.Stop.Abandoning, ending.Token)));
    }

    async Task HandleAsync(Delivery message, int line, CancellationToken lost)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(message.Stopping);
        patience.CancelAfter(WaitMost);
        IDisposable place;
        try
        {
            place = await turns.TakeAsync(line, patience.Token);
        }
        catch (OperationCanceledException) when (!message.Stopping.IsCancellationRequested && FailureMessage.TryRead(message.Properties, message.Body, out var record, out _))
        {
            // To the end of its queue, with a new time to wait.
            await _messages.HandOverAsync(stop => jobs.PublishAsync([(record!, Priorities[line])], stop), message, lost);
            return;
        }
        using (place)
            await _messages.HandleAsync(message, (record, stop) => work.ExecuteAsync(record, alone: false, stop), lost);
    }
}
