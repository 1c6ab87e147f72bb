namespace Pipeline.Processors.Tests.Simulation;

/// <summary>
/// Who has which partition. A process that is stopped or dead keeps its own until its session times out; a partition may be given on while
/// its last owner still writes. Whatever ends is started again, as a supervisor would.
/// </summary>
sealed class SimulatedGroup(World world)
{
    static readonly TimeSpan SessionTimeout = TimeSpan.FromSeconds(10), RestartMax = TimeSpan.FromSeconds(3);

    const int MembersMax = 3;

    readonly List<SimulatedProcess> _members = [];
    readonly SimulatedProcess?[] _owners = new SimulatedProcess?[SimulatedBroker.Partitions];
    readonly List<SimulatedProcess> _ending = [];
    int _started;

    public IReadOnlyList<SimulatedProcess> Members => _members;

    public void Start()
    {
        if (_members.Count >= MembersMax)
            return;
        _members.Add(new SimulatedProcess(world, $"p{++_started}"));
        Spread();
    }

    public void Move(int partition)
    {
        if (_members.Count > 0)
            Give(partition, _members[world.Order.Random.Next(_members.Count)]);
    }

    public void Stop(SimulatedProcess process, TimeSpan? continues)
    {
        process.Stop();
        world.Order.Clock.After(SessionTimeout, () =>
        {
            if (process.Actor.Stopped)
                Expel(process);
        });
        if (continues is { } time)
            world.Order.Clock.After(time, () => Continue(process));
    }

    public void Continue(SimulatedProcess process)
    {
        if (!process.Actor.Stopped || process.Actor.Ended)
            return;
        process.Actor.Continue();
        if (!_members.Contains(process))
            _members.Add(process);
        Spread();
    }

    public void EndInOrder(SimulatedProcess process)
    {
        if (_ending.Contains(process) || process.Actor.Ended)
            return;
        _ending.Add(process);
        _members.Remove(process);
        process.Poller.Command(() => _ = process.Actor.StartAsync(process.EndInOrderAsync));
        Spread();
    }

    /// <param name="told">It left the group in order; else the group finds out by the timeout, or sooner if it comes back.</param>
    public void Ended(SimulatedProcess process, bool told)
    {
        if (told)
            Expel(process);
        else
            world.Order.Clock.After(world.Order.UpTo(SessionTimeout), () => Expel(process));
        world.Order.Clock.After(world.Order.UpTo(RestartMax), Start);
    }

    void Expel(SimulatedProcess process)
    {
        _members.Remove(process);
        if (_members.Count == 0)
            Start();
        for (var partition = 0; partition < _owners.Length; partition++)
            if (_owners[partition] == process)
                Move(partition);
    }

    /// <summary>Partitions without a member get one, and some of the others move.</summary>
    void Spread()
    {
        for (var partition = 0; partition < _owners.Length; partition++)
            if (_owners[partition] is not { } owner || (!_members.Contains(owner) && !owner.Actor.Stopped && !owner.Actor.Ended) || world.Order.Chance(0.3))
                Move(partition);
    }

    void Give(int partition, SimulatedProcess to)
    {
        var from = _owners[partition];
        if (from == to)
            return;
        _owners[partition] = to;
        world.Note($"{partition}: {from?.Actor.Name} -> {to.Actor.Name}");
        from?.Poller.Command(() => from.Poller.Revoke(partition));
        to.Poller.Command(() => to.Poller.Assign(partition));
    }
}
