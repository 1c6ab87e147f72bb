using Confluent.Kafka;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Consuming;

/// <summary>What a partition is doing, for people: shown in /health.</summary>
public enum PartitionState { Acquiring, Running, Waiting, Stopped }

/// <summary>
/// Takes one assigned partition through its life: acquire the log, consume from there, process batch after batch, and after any failure
/// acquire again. It ends only when the partition is revoked, or the process stops.
/// </summary>
sealed class PartitionWorker(TopicPartition partition, IPartitionRoad road, RecordPoller poller, WorkerSettings settings)
{
    static readonly TimeSpan BackoffMin = TimeSpan.FromMilliseconds(100), BackoffMax = TimeSpan.FromSeconds(5);

    readonly CancellationTokenSource _end = new();
    Task _running = Task.CompletedTask;

    public TopicPartition Partition => partition;

    public PartitionQueue Queue { get; } = new(settings.Options.QueueRecordsMax, settings.Options.QueueBytesMax, settings.Clock);

    /// <summary>Whether records are wanted: set and read by the poll thread alone.</summary>
    public bool Started { get; set; }

    /// <summary>Whether the client has given up reading since the last start: set and read by the poll thread alone.</summary>
    public bool Unreadable { get; set; }

    /// <summary>Counts the acquisitions, so that a start asked for by an earlier one is known to be stale.</summary>
    public int Attempt { get; private set; }

    public PartitionState State { get; private set; } = PartitionState.Acquiring;

    public string? LastError { get; private set; }

    public long NextOffset { get; private set; }

    /// <summary>The partition is being read from where its log was acquired.</summary>
    public void NoteRunning()
    {
        State = PartitionState.Running;
        LastError = null;
    }

    public void Begin() => _running = Task.Run(RunAsync);

    /// <summary>Ends after the batch being written, or breaks it off when the budget is spent.</summary>
    public async Task EndAsync()
    {
        await _end.CancelAsync();
        await _running;
    }

    async Task RunAsync()
    {
        var failures = 0;
        while (!_end.IsCancellationRequested)
        {
            try
            {
                State = PartitionState.Acquiring;
                Queue.Suspend();
                poller.Suspend(this);
                Attempt++;
                NextOffset = await road.AcquireAsync(_end.Token);
                poller.Start(this, NextOffset);
                await ProcessAsync(() => failures = 0);
            }
            catch (OperationCanceledException) when (_end.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e)
            {
                if (!await SurviveAsync(e, failures++))
                    return;
            }
        }
        await ReleaseAsync();
    }

    async Task ProcessAsync(Action succeeded)
    {
        var options = settings.Options;
        while (true)
        {
            // Records stay in the bounded queue until it is this partition's turn, so that waiting partitions hold nothing besides it.
            await Queue.FilledAsync(options.BatchEventsMax, options.BatchBytesMax, options.BatchLinger, _end.Token);
            await settings.Turns.WaitAsync(_end.Token);
            RecordBatch batch;
            try
            {
                batch = Queue.Take(options.BatchEventsMax, options.BatchBytesMax);
                if (Queue.BelowLowMark)
                    poller.Resume(this);
                // Not cancelled by a revocation: the batch ends in milliseconds, and the fence decides whether it still counts.
                NextOffset = await road.ProcessAsync(batch, settings.Abort);
            }
            finally
            {
                settings.Turns.Release();
            }
            succeeded();
            poller.Store(this, NextOffset);
            if (NextOffset != batch.Next)
                return;
        }
    }

    /// <summary>What a failure means for the partition. Nothing of the failed batch counts, so that trying again is always right.</summary>
    /// <returns>False when the process has to stop.</returns>
    async Task<bool> SurviveAsync(Exception e, int failures)
    {
        LastError = e.Message;
        settings.Metrics.Failure(settings.Road, e);
        switch (e)
        {
            case LogMismatchException mismatch:
                State = PartitionState.Stopped;
                settings.Log.PartitionStopped(settings.Road, partition.ToString(), mismatch.Code, mismatch.Message);
                await PauseAsync(BackoffMax);
                return true;
            case FencedException or Npgsql.PostgresException { SqlState: PostgresFaults.FencedState }:
                settings.Log.Fenced(settings.Road, partition.ToString(), e.Message);
                await PauseAsync(Backoff(0));
                return true;
            case TopicUnavailableException or Sinks.Influx.InfluxUnavailableException or KafkaException:
            case var other when PostgresFaults.Classify(other) == StoreFault.Transient:
                State = PartitionState.Waiting;
                settings.Log.Waiting(settings.Road, partition.ToString(), e.Message);
                await PauseAsync(Backoff(failures));
                return true;
            default:
                State = PartitionState.Stopped;
                settings.Fail(e);
                return false;
        }
    }

    /// <summary>Doubling from 100 ms to 5 s, between half and all of it at random, so that partitions do not come back all at once.</summary>
    static TimeSpan Backoff(int failures) =>
        TimeSpan.FromTicks((long)(Math.Min(BackoffMin.Ticks * Math.Pow(2, Math.Min(failures, 10)), BackoffMax.Ticks) * (0.5 + (Random.Shared.NextDouble() / 2))));

    async Task PauseAsync(TimeSpan time)
    {
        try
        {
            await Task.Delay(time, settings.Clock, _end.Token);
        }
        catch (OperationCanceledException)
        {
            // The loop sees it.
        }
    }

    async Task ReleaseAsync()
    {
        try
        {
            await road.ReleaseAsync(settings.Abort);
            await road.DisposeAsync();
        }
        catch (Exception e)
        {
            // The next owner counts this one as vanished; its fence holds all the same.
            settings.Log.NotReleased(settings.Road, partition.ToString(), e.Message);
        }
    }
}

/// <summary>What all workers of one road share.</summary>
/// <param name="Turns">Bounds the batches under way.</param>
/// <param name="Abort">Cancelled when the budget of a stop is spent.</param>
/// <param name="Fail">Stops the process: going on would repeat a bug for ever.</param>
sealed record WorkerSettings(string Road, ProcessorsOptions Options, SemaphoreSlim Turns, TimeProvider Clock, ProcessorMetrics Metrics, ILogger Log, CancellationToken Abort, Action<Exception> Fail);
