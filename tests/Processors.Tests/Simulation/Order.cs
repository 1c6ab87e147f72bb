namespace Pipeline.Processors.Tests.Simulation;

/// <summary>One thread's world of order and time: what runs next is drawn from the seed, and time passes only when nothing is ready.</summary>
sealed class Order(int seed)
{
    readonly List<(Actor Actor, Task Task)> _ready = [];
    readonly int _thread = Environment.CurrentManagedThreadId;
    string? _escaped;

    public Random Random { get; } = new(seed);

    public VirtualClock Clock { get; } = new();

    public long Steps { get; private set; }

    /// <summary>Whose step is being taken.</summary>
    public Actor? Running { get; private set; }

    /// <summary>Of every choice made: equal for equal runs.</summary>
    public ulong Hash { get; private set; } = 14695981039346656037;

    public bool Chance(double of) => of > 0 && Random.NextDouble() < of;

    public TimeSpan UpTo(TimeSpan max) => TimeSpan.FromTicks((long)(Random.NextDouble() * max.Ticks));

    public void Add(Actor actor, Task task) => _ready.Add((actor, task));

    public void Withdraw(Actor actor, List<Task> into)
    {
        foreach (var (_, task) in _ready.Where(r => r.Actor == actor))
            into.Add(task);
        _ready.RemoveAll(r => r.Actor == actor);
    }

    /// <summary>Runs one ready task, or lets time pass up to the next timer; false when neither is there.</summary>
    public bool Step()
    {
        if (_escaped is not null)
            throw new InvalidOperationException($"code ran outside the simulator's order:\n{_escaped}");
        if (_ready.Count == 0)
            return Clock.FireNext();
        var index = Random.Next(_ready.Count);
        var (actor, task) = _ready[index];
        _ready[index] = _ready[^1];
        _ready.RemoveAt(_ready.Count - 1);
        Steps++;
        Note(((ulong)index << 32) ^ (ulong)Clock.GetTimestamp());
        Running = actor;
        actor.Run(task);
        Running = null;
        return true;
    }

    public void Note(ulong value) => Hash = (Hash ^ value) * 1099511628211;

    /// <summary>Work that comes from another thread has left the order, and the run could not be repeated.</summary>
    public void CheckThread()
    {
        if (Environment.CurrentManagedThreadId != _thread)
            _escaped = Environment.StackTrace;
    }
}
