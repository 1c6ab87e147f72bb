using System.Collections.Concurrent;
using System.Threading.Channels;

namespace Pipeline.Processors.Analysis.Python;

/// <summary>A worker for one call, or why there is none.</summary>
readonly record struct Rented(PythonWorker? Worker, PythonError? Error);

/// <summary>
/// So many workers, each with one call at a time; those who wait for one are bounded too. One loop forks: it keeps the number, so that what a call leaves unfit is replaced
/// in the background and the next call finds a warm worker.
/// </summary>
sealed class WorkerPool(PythonOptions options, TimeProvider clock, ILogger log)
{
    static readonly TimeSpan ForkAgainAfter = TimeSpan.FromMilliseconds(100);

    readonly Channel<PythonWorker> _idle = Channel.CreateBounded<PythonWorker>(options.PythonWorkersMax);
    readonly Channel<bool> _wanted = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    readonly ConcurrentDictionary<string, long> _retired = new();
    volatile TaskCompletionSource<Zygote> _zygote = new(TaskCreationOptions.RunContinuationsAsynchronously);
    int _waiting, _living, _generation;

    /// <summary>Workers that live: idle ones and those with a call.</summary>
    public int Living => Volatile.Read(ref _living);

    /// <summary>How often everything that workers had imported was given up.</summary>
    public int Generation => Volatile.Read(ref _generation);

    public int Idle => _idle.Reader.Count;

    /// <summary>Calls that wait for a worker.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Workers replaced, by reason.</summary>
    public IReadOnlyDictionary<string, long> Retired => _retired;

    /// <summary>From now on workers come from this zygote.</summary>
    public void Begin(Zygote zygote)
    {
        _zygote.TrySetResult(zygote);
        _wanted.Writer.TryWrite(true);
    }

    /// <summary>The zygote is gone, and every worker with it: calls wait for the next one.</summary>
    public void End()
    {
        if (_zygote.Task.IsCompleted)
            _zygote = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Clear();
    }

    /// <summary>Idle workers go now, busy ones after their call: what they have imported has changed.</summary>
    public void Renew()
    {
        Interlocked.Increment(ref _generation);
        Clear();
    }

    void Clear()
    {
        while (_idle.Reader.TryRead(out var worker))
            Drop(worker, "renewed");
    }

    public async ValueTask<Rented> RentAsync(TimeSpan within, CancellationToken stop)
    {
        if (TryTake() is { } idle)
            return new(idle, null);
        if (Interlocked.Increment(ref _waiting) > options.PythonWaitersMax)
        {
            Interlocked.Decrement(ref _waiting);
            return new(null, new(PythonErrorCode.Busy, $"{options.PythonWaitersMax} calls wait for one of {options.PythonWorkersMax} workers already"));
        }
        using var deadline = new CancellationTokenSource(within, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, stop);
        try
        {
            while (true)
                if (await _idle.Reader.ReadAsync(either.Token) is var worker && IsWell(worker))
                    return new(worker, null);
        }
        catch (OperationCanceledException)
        {
            return new(null, stop.IsCancellationRequested ? new(PythonErrorCode.Cancelled, "the call was cancelled")
                : _zygote.Task.IsCompleted ? new(PythonErrorCode.Busy, $"no worker came free within {within.TotalMilliseconds:N0} ms")
                : new(PythonErrorCode.Unavailable, $"Python was not ready within {within.TotalMilliseconds:N0} ms"));
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    PythonWorker? TryTake()
    {
        while (_idle.Reader.TryRead(out var worker))
            if (IsWell(worker))
                return worker;
        return null;
    }

    /// <summary>A worker may die while it is idle, of memory or of a thread that an algorithm left; and one that came back just as all were renewed is an old one.</summary>
    bool IsWell(PythonWorker worker)
    {
        if (worker.IsWell && worker.Generation == Volatile.Read(ref _generation))
            return true;
        Drop(worker, worker.IsWell ? "renewed" : "unwell");
        return false;
    }

    /// <summary>Takes a worker back after its call: it waits for the next one, or is replaced.</summary>
    public void Return(PythonWorker worker)
    {
        var why = worker.Retire
            ?? (worker.Generation != Volatile.Read(ref _generation) ? "renewed"
            : worker.Calls >= options.PythonWorkerCallsMax ? "calls"
            : worker.Age >= options.PythonWorkerAgeMax ? "age"
            : worker.Resident >= options.PythonWorkerResidentBytesMax ? "memory" : null);
        if (why is not null || !_idle.Writer.TryWrite(worker))
            Drop(worker, why ?? "surplus");
    }

    void Drop(PythonWorker worker, string why)
    {
        worker.Dispose();
        Interlocked.Decrement(ref _living);
        _retired.AddOrUpdate(why, 1, (_, n) => n + 1);
        _wanted.Writer.TryWrite(true);
    }

    /// <summary>Keeps as many workers as there may be, until it is told to stop.</summary>
    public async Task KeepAsync(CancellationToken stop)
    {
        while (await _wanted.Reader.WaitToReadAsync(stop))
        {
            _wanted.Reader.TryRead(out _);
            try
            {
                while (Living < options.PythonWorkersMax)
                    await ForkAsync(stop);
            }
            catch (InvalidOperationException e)
            {
                log.NoWorkerForked(e.Message);
                await Task.Delay(ForkAgainAfter, clock, stop);
                _wanted.Writer.TryWrite(true);
            }
        }
    }

    async Task ForkAsync(CancellationToken stop)
    {
        var zygote = await _zygote.Task.WaitAsync(stop);
        var generation = Volatile.Read(ref _generation);
        var worker = await zygote.ForkAsync(stop);
        worker.Generation = generation;
        Interlocked.Increment(ref _living);
        if (generation != Volatile.Read(ref _generation) || !_idle.Writer.TryWrite(worker))
            Drop(worker, "renewed");
    }
}
