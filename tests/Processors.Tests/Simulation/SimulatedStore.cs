using Npgsql;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Processors.Tests.Simulation;

/// <summary>
/// The store with the semantics of its statements under READ COMMITTED: rows locked from the fence to the end of the transaction, ids unique among
/// committed and uncommitted ones, sessions that die anywhere. What the SQL itself says is tested against PostgreSQL elsewhere.
/// </summary>
sealed class SimulatedStore(World world)
{
    readonly List<SimulatedSession> _sessions = [];
    int _nextLogId = 1;

    public Actor Server { get; } = world.NewActor("store");

    public List<LogRow> Logs { get; } = [];

    public Dictionary<Guid, LedgerEntry> Ledger { get; } = [];

    /// <summary>Losses and new topics that the operator accepted and no acquisition has used.</summary>
    public HashSet<(string Kind, int Partition)> Acceptances { get; } = [];

    public LogRow? OpenLog(int partition) => Logs.Find(l => l.Log.Partition == partition && !l.Closed && !l.Removed);

    public LogRow Insert(SimulatedLog log, long start)
    {
        var row = new LogRow(_nextLogId++, log, start);
        Logs.Add(row);
        return row;
    }

    public IEventStore For(SimulatedProcess process) => new Client(this, process, world);

    /// <summary>A process is gone: its sessions end when the server notices, at once or when keep-alives fail.</summary>
    public void ClientGone(SimulatedProcess process)
    {
        foreach (var session in _sessions.Where(s => s.Process == process).ToList())
            session.EndSoon(atOnce: world.Order.Chance(0.7));
    }

    /// <summary>All sessions end, as when the server is restarted.</summary>
    public void Restart()
    {
        world.Met(Transition.StoreRestarted);
        foreach (var session in _sessions.ToList())
            session.End();
    }

    /// <summary>A promotion raises every epoch, between two transactions of each log.</summary>
    public void RaiseEpochs()
    {
        foreach (var row in Logs.Where(l => !l.Closed && !l.Removed && l.Lock.Holder is null))
        {
            row.Epoch++;
            world.Met(Transition.Promoted);
        }
    }

    public void Forget(SimulatedSession session) => _sessions.Remove(session);

    sealed class Client(SimulatedStore store, SimulatedProcess process, World world) : IEventStore
    {
        public async Task<IEventSession> OpenAsync(CancellationToken stop)
        {
            if (process.Actor.Ended)
                return await World.NeverAsync<IEventSession>();
            stop.ThrowIfCancellationRequested();
            return await store.Server.StartAsync(() =>
            {
                if (world.Order.Chance(world.Faults.Unreachable))
                {
                    world.Met(Transition.AcquireUnavailable);
                    throw world.Order.Chance(0.5) ? new NpgsqlException("the store is unreachable") : Failure(PostgresErrorCodes.TooManyConnections);
                }
                var session = new SimulatedSession(store, process, world);
                if (!process.Actor.Ended)
                    store._sessions.Add(session);
                return Task.FromResult<IEventSession>(session);
            });
        }
    }

    public static PostgresException Failure(string sqlState) => new($"simulated {sqlState}", "ERROR", "ERROR", sqlState);
}
