namespace Pipeline.Processors.Tests.Simulation;

/// <summary>Everything of one run, made from one seed.</summary>
sealed class World
{
    [ThreadStatic]
    static World? _current;

    readonly List<(long Step, TimeSpan At, string Text)>? _trace;

    static World() => ArmedRecords.Simulated = static value => _current?.Read(value);

    public World(int seed, Bug bug = Bug.None, bool traced = false)
    {
        _current = this;
        Bug = bug;
        Order = new Order(seed);
        _trace = traced ? [] : null;
        Faults = new Faults(Order);
        AcceptNewLogs = Order.Chance(0.5);
        Options = new ProcessorsOptions
        {
            BatchEventsMax = Order.Random.Next(1, 7),
            QueueRecordsMax = Order.Random.Next(2, 9),
            BatchLinger = Order.Chance(0.5) ? TimeSpan.Zero : TimeSpan.FromMilliseconds(50),
            ConcurrentBatchesMax = Order.Random.Next(1, 4),
            FaultyRecordsMax = 8,
            StopBudget = TimeSpan.FromSeconds(Order.Chance(0.5) ? 1 : 15),
        };
        Checker = new Checker(this);
        Broker = new SimulatedBroker(this);
        Broker.MakeTopic();
        Store = new SimulatedStore(this);
        Group = new SimulatedGroup(this);
    }

    public Bug Bug { get; }
    public Order Order { get; }
    public Faults Faults { get; }
    public Coverage Coverage { get; } = new();
    public Checker Checker { get; }
    public SimulatedBroker Broker { get; }
    public SimulatedStore Store { get; }
    public SimulatedGroup Group { get; }
    public ProcessorsOptions Options { get; }
    public List<SimulatedProcess> Processes { get; } = [];

    /// <summary>Whether a topic made anew is taken as it comes.</summary>
    public bool AcceptNewLogs { get; }

    public IEnumerable<string> Trace => _trace?.Select(t => $"{t.Step,7} {t.At.TotalSeconds,9:F3} s  {t.Text}") ?? [];

    public Actor NewActor(string name) => new(name, Order);

    public void Met(Transition transition)
    {
        Coverage.Met(transition);
        Order.Note((ulong)transition);
        _trace?.Add((Order.Steps, Order.Clock.Now, $"{Order.Running?.Name ?? "-"}: {transition}"));
    }

    public void Note(string text) => _trace?.Add((Order.Steps, Order.Clock.Now, text));

    public void WakePollers()
    {
        foreach (var process in Processes)
            process.Poller.Wake();
    }

    /// <summary>What waits for something that never comes: the process that asked is gone.</summary>
    public static Task<T> NeverAsync<T>() => new TaskCompletionSource<T>().Task;

    /// <summary>What reading a record's value does, called from within the product's parser.</summary>
    void Read(byte[]? value)
    {
        if (SimulatedEvents.Throws(value))
            throw new InvalidOperationException("a record that throws");
        if (SimulatedEvents.IsLethal(value) && Processes.Find(p => p.Actor == Order.Running) is { } process)
        {
            Checker.Dies(process, value!);
            process.KilledBy = value;
            process.Kill();
        }
    }
}
