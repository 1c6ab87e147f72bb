using Confluent.Kafka;
using Pipeline.Processors.Consuming;

namespace Pipeline.Processors.Tests.Simulation;

/// <summary>
/// The poll thread of one simulated process: the rules of <see cref="RecordPoller"/> over a simulated client, which fetches ahead, seeks late,
/// passes records over after the first seek of an assignment, and cannot read outside the log.
/// </summary>
sealed class SimulatedPoller(SimulatedProcess process, World world) : IRecordSource
{
    readonly Queue<Action> _commands = new();
    readonly Reader?[] _readers = new Reader?[SimulatedBroker.Partitions];
    readonly List<Task> _ending = [];
    bool _woken;

    sealed class Reader(PartitionWorker worker, WatchedRoad road)
    {
        public PartitionWorker Worker => worker;
        public WatchedRoad Road => road;
        public Queue<ConsumeResult<byte[], byte[]>> Fetched { get; } = new();
        public bool Unpaused { get; set; }
        public bool StartedBefore { get; set; }
        public long Position { get; set; }
        public long EndTold { get; set; } = -1;
    }

    /// <summary>Polls once, some time soon.</summary>
    public void Wake()
    {
        if (_woken)
            return;
        _woken = true;
        process.Actor.Post(Poll);
    }

    public void Command(Action command)
    {
        _commands.Enqueue(command);
        Wake();
    }

    public void Start(PartitionWorker worker, long offset)
    {
        var attempt = worker.Attempt;
        Command(() => TryStart(worker, offset, attempt));
    }

    public void Suspend(PartitionWorker worker) => Command(() =>
    {
        if (Current(worker) is { } reader)
            Pause(reader);
    });

    public void Resume(PartitionWorker worker) => Command(() =>
    {
        if (Current(worker) is not { Unpaused: false } reader || !worker.Started)
            return;
        reader.Unpaused = true;
        world.Met(Transition.Resumed);
    });

    public void Store(PartitionWorker worker, long nextOffset)
    {
        // What the group remembers is information for lag tools, nothing more.
    }

    public void Assign(int partition)
    {
        if (_readers[partition] is not null)
            return;
        var (worker, road) = process.NewWorker(partition);
        _readers[partition] = new Reader(worker, road);
        worker.Begin();
    }

    public void Revoke(int partition)
    {
        if (_readers[partition] is not { } reader)
            return;
        _readers[partition] = null;
        world.Met(reader.Road.Doing switch { Doing.Acquiring => Transition.RevokedWhileAcquiring, Doing.Processing => Transition.RevokedInBatch, _ => Transition.RevokedIdle });
        _ending.Add(reader.Worker.EndAsync());
    }

    /// <summary>Completes when every worker has ended, as far as partitions were revoked.</summary>
    public Task EndedAsync() => Task.WhenAll(_ending);

    public PartitionState? StateOf(int partition) => _readers[partition]?.Worker.State;

    public bool InBatch => Array.Exists(_readers, r => r?.Road.Doing == Doing.Processing);

    void Poll()
    {
        _woken = false;
        while (_commands.TryDequeue(out var command))
            command();
        var first = world.Order.Random.Next(_readers.Length);
        for (var i = 0; i < _readers.Length; i++)
            if (_readers[(first + i) % _readers.Length] is { Unpaused: true } reader && HasMore(reader))
            {
                for (var n = world.Order.Random.Next(1, 5); n > 0 && reader.Unpaused && HasMore(reader); n--)
                    Deliver(reader);
                Wake();
                return;
            }
    }

    static SimulatedLog LogOf(Reader reader, World world) => world.Broker.Logs[reader.Worker.Partition.Partition.Value];

    bool HasMore(Reader reader)
    {
        var log = LogOf(reader, world);
        return reader.Fetched.Count > 0 || reader.Position != log.End || reader.EndTold != log.End;
    }

    void Deliver(Reader reader)
    {
        var log = LogOf(reader, world);
        if (reader.Fetched.Count == 0)
        {
            if (reader.Position < log.Start || reader.Position > log.End)
            {
                Halt(reader);
                return;
            }
            Fetch(reader, log);
        }
        if (reader.Fetched.TryDequeue(out var record) && reader.Worker.Queue.Add(record))
        {
            reader.Unpaused = false;
            world.Met(Transition.QueueFull);
        }
    }

    /// <summary>A few records ahead, or the word that the log's end is reached.</summary>
    void Fetch(Reader reader, SimulatedLog log)
    {
        if (reader.Position == log.End)
        {
            reader.EndTold = log.End;
            reader.Fetched.Enqueue(new ConsumeResult<byte[], byte[]> { TopicPartitionOffset = At(reader, log.End), IsPartitionEOF = true });
            return;
        }
        for (var n = world.Order.Random.Next(1, 5); n > 0 && reader.Position < log.End; n--, reader.Position++)
            if (log.Entries[(int)reader.Position].Message is { } message)
                reader.Fetched.Enqueue(new ConsumeResult<byte[], byte[]> { TopicPartitionOffset = At(reader, reader.Position), Message = message });
    }

    static TopicPartitionOffset At(Reader reader, long offset) => new(reader.Worker.Partition, offset);

    void TryStart(PartitionWorker worker, long offset, int attempt)
    {
        if (Current(worker) is not { } reader || worker.Attempt != attempt)
            return;
        if (world.Order.Chance(world.Faults.SeekFails))
        {
            world.Met(Transition.SeekLater);
            if (world.Order.Chance(0.2))
                worker.Queue.Break();
            else
                world.Order.Clock.After(TimeSpan.FromMilliseconds(20), () => Command(() => TryStart(worker, offset, attempt)));
            return;
        }
        worker.Unreadable = false;
        if (world.Bug != Bug.ReadsOnWithoutSeek || !reader.StartedBefore)
        {
            reader.Fetched.Clear();
            reader.Position = offset + Skipped(reader, offset);
        }
        reader.EndTold = -1;
        reader.StartedBefore = true;
        worker.Queue.Restart(offset);
        worker.Started = true;
        worker.NoteRunning();
        reader.Unpaused = true;
    }

    /// <summary>The client was seen to pass records over when the position that it had asked for came after the seek.</summary>
    long Skipped(Reader reader, long offset)
    {
        var log = LogOf(reader, world);
        if (reader.StartedBefore || offset >= log.End || offset < log.Start || !world.Order.Chance(world.Faults.ClientSkips))
            return 0;
        world.Met(Transition.GapOfTheClient);
        return world.Order.Random.NextInt64(1, log.End - offset + 1);
    }

    void Halt(Reader reader)
    {
        world.Met(Transition.Unreadable);
        reader.Worker.Unreadable = true;
        reader.Worker.Queue.Break();
        Pause(reader);
    }

    static void Pause(Reader reader)
    {
        reader.Worker.Started = false;
        reader.Unpaused = false;
    }

    Reader? Current(PartitionWorker worker) => _readers[worker.Partition.Partition.Value] is { } reader && ReferenceEquals(reader.Worker, worker) ? reader : null;
}
