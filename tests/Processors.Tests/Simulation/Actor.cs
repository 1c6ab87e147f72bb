namespace Pipeline.Processors.Tests.Simulation;

/// <summary>
/// What runs by itself: a process, the store's server, the broker. A stopped one keeps what it has to do, as with SIGSTOP; an ended one
/// forgets it, in the middle of whatever it was doing.
/// </summary>
sealed class Actor(string name, Order order) : TaskScheduler
{
    readonly List<Task> _held = [];

    public string Name => name;

    public bool Stopped { get; private set; }

    public bool Ended { get; private set; }

    public void Stop()
    {
        Stopped = true;
        order.Withdraw(this, _held);
    }

    public void Continue()
    {
        Stopped = false;
        foreach (var task in _held)
            order.Add(this, task);
        _held.Clear();
    }

    public void End()
    {
        Ended = true;
        _held.Clear();
        order.Withdraw(this, []);
    }

    public Task<T> StartAsync<T>(Func<Task<T>> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, this).Unwrap();

    public void Post(Action work) => _ = Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, this);

    public void Run(Task task) => TryExecuteTask(task);

    protected override void QueueTask(Task task)
    {
        order.CheckThread();
        if (Ended)
            return;
        if (Stopped)
            _held.Add(task);
        else
            order.Add(this, task);
    }

    /// <summary>Never: each continuation is a step of its own, so that any other may come before it.</summary>
    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    protected override IEnumerable<Task> GetScheduledTasks() => [];
}
