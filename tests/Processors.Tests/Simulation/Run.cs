using Pipeline.Processors.Consuming;

namespace Pipeline.Processors.Tests.Simulation;

/// <summary>What came of a seed.</summary>
sealed record RunResult(int Seed, long Steps, ulong Hash, TimeSpan Time, Coverage Coverage, (Invariant Invariant, string Text)? Violation);

/// <summary>One seed: first everything goes wrong that can, then it works again, and all that the logs hold has to be accounted for in time.</summary>
sealed class Run
{
    public const int StepsMin = 200;

    /// <summary>After healing. A record that kills takes six processes, a stopped owner of its lock five seconds.</summary>
    static readonly TimeSpan HealingMax = TimeSpan.FromMinutes(10);

    const int HealingStepsMax = 60_000;

    readonly World _world;
    readonly int _seed;
    readonly double[] _weights;

    readonly Action[] _actions;

    Run(World world, int seed)
    {
        _world = world;
        _seed = seed;
        _actions = [Append, MovePartition, Kill, Stop, EndInOrder, Remove, MakeTopicAnew, world.Store.Restart, world.Store.RaiseEpochs, Operate];
        _weights = [6, .. _actions.Skip(1).Select(_ => Order.Chance(0.4) ? Order.Random.NextDouble() * 2 : 0)];
        // A topic that is deleted takes with it what was not stored, and with it what would have been seen.
        _weights[6] *= 0.4;
    }

    Order Order => _world.Order;

    public static RunResult Of(int seed, Bug bug = Bug.None) => new Run(new World(seed, bug), seed).ToEnd();

    /// <summary>The last steps of a seed, for whoever has to understand it.</summary>
    public static IEnumerable<string> Trace(int seed, Bug bug, int lines)
    {
        var world = new World(seed, bug, traced: true);
        new Run(world, seed).ToEnd();
        return world.Trace.TakeLast(lines);
    }

    RunResult ToEnd()
    {
        try
        {
            GoWrong(StepsMin + Order.Random.Next(400));
            if (_world.Checker.Violation is null)
                Heal();
        }
        catch (InvalidOperationException e)
        {
            _world.Checker.Violated(Invariant.NothingUnforeseen, e.ToString());
        }
        return new RunResult(_seed, Order.Steps, Order.Hash, Order.Clock.Now, _world.Coverage, _world.Checker.Violation);
    }

    void GoWrong(int steps)
    {
        foreach (var log in _world.Broker.Logs)
            _world.Broker.Append(log, Order.Random.Next(6));
        _world.Group.Start();
        if (Order.Chance(0.7))
            _world.Group.Start();
        while (Order.Steps < steps && _world.Checker.Violation is null)
            if (Order.Chance(_world.Faults.Action) || !Order.Step())
                Act();
    }

    void Heal()
    {
        _world.Note("everything works again");
        _world.Faults.End();
        foreach (var process in _world.Processes.Where(p => p.Actor.Stopped).ToList())
            if (Order.Chance(0.5))
                _world.Group.Continue(process);
        var (until, stepsMax) = (Order.Clock.Now + HealingMax, Order.Steps + HealingStepsMax);
        OperateAgain();
        while (_world.Checker.Violation is null && !AllStored())
            if (Order.Clock.Now > until || Order.Steps > stepsMax || !Order.Step())
                _world.Checker.Violated(Invariant.EverythingIsStoredInTime, $"after {Order.Clock.Now} and {Order.Steps} steps: " + string.Join("; ", _world.Broker.Logs.Select(Standing)));
        if (_world.Checker.Violation is null)
            _world.Checker.Reckon();
    }

    string Standing(SimulatedLog log) => _world.Store.OpenLog(log.Partition) is { } row
        ? $"{row} is stored up to {row.Next}, the log {log.TopicId} holds {log.Start} to {log.End}; tries {row.Tries}, trying {row.Trying}" : $"partition {log.Partition} was never acquired";

    bool AllStored() => Array.TrueForAll(_world.Broker.Logs, l => _world.Store.OpenLog(l.Partition) is { } row && row.Log == l && row.Next == l.End);

    void Act()
    {
        var draw = Order.Random.NextDouble() * _weights.Sum();
        for (var i = 0; i < _actions.Length; i++)
            if ((draw -= _weights[i]) < 0)
            {
                _world.Note($"! {_actions[i].Method.Name}");
                Order.Note((ulong)i);
                _actions[i]();
                return;
            }
    }

    void Append() => _world.Broker.Append(AnyLog(), Order.Random.Next(1, 8));

    void MovePartition() => _world.Group.Move(Order.Random.Next(SimulatedBroker.Partitions));

    void MoveAll()
    {
        for (var partition = 0; partition < SimulatedBroker.Partitions; partition++)
            _world.Group.Move(partition);
    }

    void Kill() => AnyProcess()?.Kill();

    void Stop()
    {
        if (AnyProcess() is { } process)
            _world.Group.Stop(process, Order.Chance(0.7) ? Order.UpTo(TimeSpan.FromSeconds(30)) : null);
    }

    void EndInOrder()
    {
        if (AnyProcess() is { } process)
            _world.Group.EndInOrder(process);
    }

    /// <summary>Retention moves the log's start, rarely past what is not stored yet.</summary>
    void Remove()
    {
        var log = AnyLog();
        var stored = _world.Store.OpenLog(log.Partition)?.Next ?? 0;
        log.RemoveBefore(Order.Chance(0.2) ? stored + Order.Random.Next(4) : stored - Order.Random.Next(4));
    }

    /// <summary>While partitions change hands, so that owners of both logs meet.</summary>
    void MakeTopicAnew()
    {
        MoveAll();
        for (var steps = Order.Random.Next(60); steps > 0 && Order.Step(); steps--)
        {
            // The new owners are on their way.
        }
        _world.Broker.MakeTopic();
        MoveAll();
        foreach (var log in _world.Broker.Logs)
            _world.Broker.Append(log, Order.Random.Next(20));
    }

    /// <summary>The operator accepts what partitions have stopped for.</summary>
    void Operate()
    {
        for (var partition = 0; partition < SimulatedBroker.Partitions; partition++)
            if (_world.Store.OpenLog(partition) is { } row && _world.Processes.Exists(p => p.Poller.StateOf(partition) == PartitionState.Stopped))
                _world.Store.Acceptances.Add((row.Log.TopicId == _world.Broker.TopicId ? "loss" : "new_log", partition));
    }

    void OperateAgain()
    {
        Operate();
        // A log made anew that ends just where the old one was stored is noticed with its next record, no sooner.
        foreach (var log in _world.Broker.Logs)
            if (_world.Store.OpenLog(log.Partition) is { } row && row.Log != log && row.Next == log.End)
                _world.Broker.Append(log, 1);
        Order.Clock.After(TimeSpan.FromSeconds(5), OperateAgain);
    }

    SimulatedLog AnyLog() => _world.Broker.Logs[Order.Random.Next(SimulatedBroker.Partitions)];

    SimulatedProcess? AnyProcess() => _world.Group.Members.Where(m => m is { Actor: { Ended: false, Stopped: false } }).ToList() is { Count: > 0 } living ? living[Order.Random.Next(living.Count)] : null;
}
