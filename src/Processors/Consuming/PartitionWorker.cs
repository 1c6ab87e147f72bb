using Confluent.Kafka;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Consuming;

/// <summary>What a partition is doing, for people: shown in /health.</summary>
public enum PartitionState { Acquiring, Running, Waiting, Stopped }

/// <summary>
/// Takes one assigned partition through its life: acquire the log, consume from there, process batch after batch, and after any failure
/// acquire again. It ends only when the partition is revoked, or the process stops.
/// </summary>
sealed class PartitionWorker(TopicPartition partition, IPartitionRoad road, IRecordSource source, WorkerSettings settings)
{
    readonly CancellationTokenSource _end = new();
    Task _running = Task.CompletedTask;
    long? _processingMs;

    public TopicPartition Partition => partition;

    public PartitionQueue Queue { get; } = new(settings.Options.QueueRecordsMax, settings.Options.QueueBytesMax, settings.Clock);

    /// <summary>Whether records are wanted: set and read by the poll thread alone.</summary>
    public bool Started { get; set; }

    /// <summary>Whether the client has given up reading since the last start: set and read by the poll thread alone.</summary>
    public bool Unreadable { get; set; }

    /// <summary>Counts the acquisitions, so that a start asked for by an earlier one is known to be stale.</summary>
    public int Attempt { get; private set; }

    public PartitionState State { get; private set; } = PartitionState.Acquiring;

    /// <summary>What the partition waits for now; null while it runs.</summary>
    public string? LastError { get; private set; }

    /// <summary>Failures since the partition was assigned; kept when it runs again, so that a short one is seen.</summary>
    public PartitionFailures Failures { get; private set; } = new(0, null, null);

    public PartitionCounts Counts => road.Counts;

    /// <summary>The broker's time of the oldest record that is queued or being processed, in unix ms; null when nothing waits.</summary>
    public long? OldestMs => _processingMs ?? Queue.OldestMs;

    public long NextOffset { get; private set; }

    /// <summary>The partition is being read from where its log was acquired.</summary>
    public void NoteRunning()
    {
        State = PartitionState.Running;
        LastError = null;
    }

    public void Begin() => _running = settings.StartAsync(RunAsync);

    /// <summary>Ends after the batch being written, or breaks it off when the budget is spent.</summary>
    public async Task EndAsync()
    {
        // Not by the caller: what waits for the store may have much to do when it is cancelled, and the caller is the poll thread.
        await settings.StartAsync(() =>
        {
            _end.Cancel();
            return Task.CompletedTask;
        });
        await _running;
    }

    /// <summary>No worker ends unseen: what even surviving a failure did not expect stops the process.</summary>
    async Task RunAsync()
    {
        try
        {
            await LiveAsync();
        }
        catch (Exception e)
        {
            State = PartitionState.Stopped;
            LastError = e.Message;
            settings.Fail(e);
        }
    }

    async Task LiveAsync()
    {
        var failures = 0;
        while (!_end.IsCancellationRequested)
        {
            try
            {
                State = PartitionState.Acquiring;
                Queue.Suspend();
                source.Suspend(this);
                Attempt++;
                NextOffset = await road.AcquireAsync(_end.Token);
                settings.Metrics.Acquired(settings.Road);
                source.Start(this, NextOffset);
                await ProcessAsync(() => failures = 0);
            }
            catch (OperationCanceledException) when (_end.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e)
            {
                if (!await SurviveAsync(e, failures++))
                    break;
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
            await Queue.FilledAsync(options.BatchEventsMax, options.BatchBytesMax, settings.Linger, _end.Token);
            RecordBatch batch;
            using (await settings.Turns.TakeAsync(alone: false, _end.Token))
            {
                batch = Queue.Take(options.BatchEventsMax, options.BatchBytesMax);
                if (Queue.BelowLowMark)
                    source.Resume(this);
                // Not cancelled by a revocation: the batch ends in milliseconds, and the fence decides whether it still counts.
                _processingMs = batch.Records.Count > 0 ? batch.Records[0].Message.Timestamp.UnixTimestampMs : null;
                NextOffset = await road.ProcessAsync(batch, settings.Abort);
                _processingMs = null;
            }
            succeeded();
            source.Store(this, NextOffset);
            if (NextOffset != batch.Next)
                return;
        }
    }

    /// <summary>What a failure means for the partition. Nothing of the failed batch counts, so that trying again is always right.</summary>
    /// <returns>False when the process has to stop.</returns>
    async Task<bool> SurviveAsync(Exception e, int failures)
    {
        LastError = e.Message;
        _processingMs = null;
        Failures = new PartitionFailures(Failures.Count + 1, e.Message, settings.Clock.GetUtcNow());
        var failure = FailureClassifier.Classify(e);
        settings.Metrics.Failure(settings.Road, failure);
        switch (failure.Kind)
        {
            case FailureKind.Stopped:
                State = PartitionState.Stopped;
                settings.Log.PartitionStopped(settings.Road, partition.ToString(), (e as LogMismatchException)?.Code ?? "", e.Message);
                await PauseAsync(Backoff.Max);
                return true;
            case FailureKind.Fenced:
                settings.Log.Fenced(settings.Road, partition.ToString(), e.Message);
                await PauseAsync(Backoff.After(0, settings.Random));
                return true;
            case FailureKind.Transient:
                State = PartitionState.Waiting;
                settings.Log.Waiting(settings.Road, partition.ToString(), e.Message);
                await PauseAsync(e is DependencyUnavailableException open ? open.RetryAfter + Backoff.After(0, settings.Random) : Backoff.After(failures, settings.Random));
                return true;
            default:
                State = PartitionState.Stopped;
                settings.Fail(e);
                return false;
        }
    }

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
            // Also where the process stops for a bug or a wrong set-up: counted as deaths, six such stops would make a dead letter of a record that did nothing.
            await road.ReleaseAsync(settings.Abort);
        }
        catch (Exception e)
        {
            // The next owner counts this one as vanished; its fence holds all the same.
            settings.Log.NotReleased(settings.Road, partition.ToString(), e.Message);
        }
        finally
        {
            await road.DisposeAsync();
        }
    }
}

/// <param name="Last">The latest one's message.</param>
public sealed record PartitionFailures(long Count, string? Last, DateTimeOffset? LastAt);

/// <summary>What all workers of one road share.</summary>
/// <param name="Turns">Bounds the batches under way.</param>
/// <param name="Abort">Cancelled when the budget of a stop is spent.</param>
/// <param name="Fail">Stops the process: going on would repeat a bug for ever.</param>
sealed record WorkerSettings(string Road, ProcessorsOptions Options, Turns Turns, TimeProvider Clock, ProcessorMetrics Metrics, ILogger Log, CancellationToken Abort, Action<Exception> Fail)
{
    /// <summary>Where workers run: the thread pool, or the simulator's own order.</summary>
    public TaskScheduler Scheduler { get; init; } = TaskScheduler.Default;

    public Random Random { get; init; } = Random.Shared;

    /// <summary>How long a batch that is not full waits for more.</summary>
    public TimeSpan Linger { get; init; } = Options.BatchLinger;

    public Task StartAsync(Func<Task> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, Scheduler).Unwrap();
}
