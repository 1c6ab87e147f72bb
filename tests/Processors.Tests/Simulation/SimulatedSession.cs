using Npgsql;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Processors.Tests.Simulation;

/// <summary>
/// One session, seen from both ends: the client's, which may lose it at any statement, and the server's, which may notice much later. What a
/// transaction changes is kept aside and applied by its commit.
/// </summary>
sealed partial class SimulatedSession(SimulatedStore store, SimulatedProcess process, World world) : IEventSession
{
    static readonly TimeSpan IdleInTransactionMax = TimeSpan.FromSeconds(5);

    readonly List<Action> _changes = [];
    readonly List<Guid> _ids = [];
    readonly List<TaskCompletionSource<WaitEnd>> _awaitingThis = [];
    TaskCompletionSource<WaitEnd>? _wait;
    ITimer? _idle;
    LogRow? _inserted;
    long _statement;
    bool _broken, _ended;

    public SimulatedProcess Process => process;

    public bool IsOpen => !_broken;

    public bool InTransaction { get; set; }

    /// <summary>Whether the last batch of this session held only new ids.</summary>
    public bool ExpectNew { get; set; } = true;

    /// <summary>Sends one statement, has it executed some time later, and waits for the answer.</summary>
    public async Task<T> AskAsync<T>(Func<Task<T>> work, CancellationToken stop, bool commit = false, bool copying = false)
    {
        if (process.Actor.Ended)
            return await World.NeverAsync<T>();
        var succeeded = false;
        try
        {
            var answer = await SendAsync(work, stop, commit, copying);
            succeeded = true;
            return answer;
        }
        finally
        {
            if (!succeeded)
                world.Checker.Failed(this);
        }
    }

    async Task<T> SendAsync<T>(Func<Task<T>> work, CancellationToken stop, bool commit, bool copying)
    {
        if (_broken)
            throw Lost();
        stop.ThrowIfCancellationRequested();
        var fault = world.Faults.DrawStatement(commit);
        if (fault == StatementFault.RequestLost)
        {
            world.Met(commit ? Transition.CommitLostNotApplied : Transition.RequestLost);
            Break();
            throw Lost();
        }
        var statement = ++_statement;
        var answer = store.Server.StartAsync(() => ServeAsync(work, fault, commit, copying));
        using var cancelling = stop.UnsafeRegister(_ => store.Server.Post(() => Cancel(statement)), null);
        try
        {
            return await answer;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled && stop.IsCancellationRequested)
        {
            throw new OperationCanceledException("the statement was cancelled", e, stop);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.AdminShutdown)
        {
            _broken = true;
            throw;
        }
    }

    async Task<T> ServeAsync<T>(Func<Task<T>> work, StatementFault fault, bool commit, bool copying)
    {
        _idle?.Dispose();
        if (world.Order.Chance(world.Faults.Slow))
            await Task.Delay(world.Order.UpTo(TimeSpan.FromSeconds(3)), world.Order.Clock, CancellationToken.None);
        if (fault == StatementFault.SessionDies)
        {
            world.Met(commit ? Transition.CommitLostNotApplied : Transition.SessionDied);
            End();
        }
        ThrowIfEnded();
        if (fault == StatementFault.Fails)
        {
            world.Met(Transition.StatementFailed);
            Rollback();
            throw SimulatedStore.Failure(world.Order.Chance(0.5) ? PostgresErrorCodes.DeadlockDetected : PostgresErrorCodes.QueryCanceled);
        }
        T answer;
        try
        {
            answer = await work();
        }
        catch (PostgresException)
        {
            // As the server does, before anybody asks for it: an aborted transaction holds nothing.
            Rollback();
            throw;
        }
        if (InTransaction && !copying && !_ended)
            _idle = world.Order.Clock.After(IdleInTransactionMax, EndIdle);
        if (fault != StatementFault.AnswerLost)
            return answer;
        world.Met(commit ? Transition.CommitLostApplied : Transition.AnswerLost);
        Break();
        throw Lost();
    }

    /// <summary>Locks the row up to the end of the transaction; true when somebody had to be waited for.</summary>
    public async Task<bool> LockAsync(LogRow row, TimeSpan? patience = null)
    {
        ThrowIfEnded();
        if (row.Lock.TryTake(this))
            return false;
        if (await WaitAsync(w => row.Lock.Wait(this, w), patience) == WaitEnd.TimedOut)
            throw SimulatedStore.Failure(PostgresErrorCodes.LockNotAvailable);
        return true;
    }

    /// <summary>Until the transaction that this session has open has ended, or took its savepoint back.</summary>
    public Task WaitForEndAsync(SimulatedSession waiting) => waiting.WaitAsync(_awaitingThis.Add, null);

    async Task<WaitEnd> WaitAsync(Action<TaskCompletionSource<WaitEnd>> enqueue, TimeSpan? patience)
    {
        var wait = _wait = new TaskCompletionSource<WaitEnd>();
        using var timer = patience is { } time ? world.Order.Clock.After(time, () => wait.TrySetResult(WaitEnd.TimedOut)) : null;
        enqueue(wait);
        var end = await wait.Task;
        _wait = null;
        ThrowIfEnded();
        return end == WaitEnd.Cancelled ? throw SimulatedStore.Failure(PostgresErrorCodes.QueryCanceled) : end;
    }

    void Cancel(long statement)
    {
        if (statement == _statement)
            _wait?.TrySetResult(WaitEnd.Cancelled);
    }

    public List<Action> CopyChanges() => [.. _changes];

    /// <summary>What the transaction changes when it is committed.</summary>
    public void Change(Action change) => _changes.Add(change);

    public void Commit()
    {
        ThrowIfEnded();
        foreach (var change in _changes)
            change();
        foreach (var id in _ids)
            store.Ledger[id].Writer = null;
        _ids.Clear();
        _inserted = null;
        world.Checker.Balanced();
        EndTransaction();
    }

    public void Rollback()
    {
        TakeIdsBack(0);
        if (_inserted is not null)
        {
            _inserted.Removed = true;
            store.Logs.Remove(_inserted);
            _inserted.Lock.Free(this);
            _inserted = null;
        }
        EndTransaction();
    }

    void EndTransaction()
    {
        _changes.Clear();
        _movedTo = null;
        InTransaction = false;
        foreach (var row in store.Logs)
            row.Lock.Free(this);
        WakeAwaiting();
    }

    void WakeAwaiting()
    {
        foreach (var wait in _awaitingThis)
            wait.TrySetResult(WaitEnd.Granted);
        _awaitingThis.Clear();
    }

    /// <summary>The session ends at the server: whatever it had open is rolled back, and what it waits for it does not get.</summary>
    public void End()
    {
        if (_ended)
            return;
        _ended = true;
        _idle?.Dispose();
        Rollback();
        _wait?.TrySetResult(WaitEnd.SessionEnded);
        store.Forget(this);
    }

    public void EndSoon(bool atOnce)
    {
        if (atOnce)
            store.Server.Post(End);
        else
            world.Order.Clock.After(world.Order.UpTo(TimeSpan.FromSeconds(10)), () => store.Server.Post(End));
    }

    void EndIdle()
    {
        if (!InTransaction || _ended)
            return;
        world.Met(Transition.LockReleasedByIdleTimeout);
        End();
    }

    /// <summary>The client knows that its session is lost; the server learns of it at once or later.</summary>
    void Break()
    {
        _broken = true;
        EndSoon(world.Order.Chance(0.5));
    }

    void ThrowIfEnded()
    {
        if (_ended)
            throw SimulatedStore.Failure(PostgresErrorCodes.AdminShutdown);
    }

    static NpgsqlException Lost() => new("the connection was lost", new IOException("simulated"));

    public ValueTask DisposeAsync()
    {
        if (!process.Actor.Ended)
            EndSoon(atOnce: true);
        _broken = true;
        return ValueTask.CompletedTask;
    }
}
