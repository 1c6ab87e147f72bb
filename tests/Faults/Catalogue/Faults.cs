using Pipeline.Faults.Harness;
using Pipeline.Faults.Servers;

namespace Pipeline.Faults.Catalogue;

/// <summary>Every fault there is, in the order in which docs/faults.md tells them. Made anew for each look, because a fault keeps what it did.</summary>
static class Faults
{
    public static IReadOnlyList<Fault> All =>
    [
        new KilledAtPoint("processor killed inside COPY", "InsideCopy"),
        new KilledAtPoint("processor killed after COPY", "AfterCopy"),
        new KilledAtPoint("processor killed before COMMIT", "BeforeCommit"),
        new KilledAtPoint("processor killed after COMMIT", "AfterCommit"),
        new KilledAtRandom(),
        new Zombie("SIGSTOP between batches", null),
        new Zombie("SIGSTOP inside COPY", "InsideCopy"),
        new Zombie("SIGSTOP before COMMIT", "BeforeCommit"),
        new RebalanceStorm(),
        new SlowerThanThePollInterval(),
        new BrokerKilled(),
        new LeaderLost("leader killed, three brokers", inOrder: false),
        new LeaderLost("leader stopped in order, three brokers", inOrder: true),
        new AllBrokersDown(),
        new SlowBroker(),
        new FatalProducer(),
        new PostgresStops("PostgreSQL restarted, fast", ServerProcess.SigInt),
        new PostgresStops("PostgreSQL restarted, immediate", ServerProcess.SigQuit),
        new PostgresStops("PostgreSQL killed", ServerProcess.SigKill),
        new CutInsideCommit(),
        new DiskFull(),
        new LongLock(),
        new TooManyConnections(),
        new Deadlock(),
        new EveryCommitFails(),
        new KilledAtHandOver("processor killed before RabbitMQ's confirm", "BeforeConfirm"),
        new KilledAtHandOver("processor killed after RabbitMQ's confirm", "AfterConfirm"),
        new RabbitStops("RabbitMQ restarted", ServerProcess.SigTerm),
        new RabbitStops("RabbitMQ killed", ServerProcess.SigKill),
        new RabbitMemoryAlarm(),
        new RabbitQueueDeleted(),
        new RabbitTargetMissing(),
        new EveryRecordFails(),
        new InfluxDown(),
        new InfluxSlow(),
        new InfluxTypeConflict(),
        new InfluxTooLarge(),
        new InfluxPlaceLost(),
        new RecordThrows(),
        new RecordEndsTheProcess("a record that hangs", 90, "HANG", ("Pipeline__Processors__ProcessingDeadline", "00:00:02")),
        new RecordEndsTheProcess("a record that kills the process", 75, "KILL"),
        new RecordEndsTheProcess("a record that exhausts memory", 90, "MEMORY", ("DOTNET_GCHeapHardLimit", "0x14000000")),
        new Flood(),
        new WholeTopicTwice(),
        new ClientRetries(),
        new ClockJumps("clock of Ingest one hour ahead", Sign.Ingest, "+3600"),
        new ClockJumps("clock of Ingest one hour behind", Sign.Ingest, "-3600"),
        new ClockJumps("clock of the processors one hour ahead", Sign.Processors, "+3600"),
        new ClockJumps("clock of the processors one hour behind", Sign.Processors, "-3600"),
        new Terminated("SIGTERM under load, processors", Sign.Processors),
        new Terminated("SIGTERM under load, Ingest", Sign.Ingest),
        new TerminatedInOutage("SIGTERM of the processors while PostgreSQL does not answer", Sign.Processors, "postgres"),
        new TerminatedInOutage("SIGTERM of the processors while Kafka does not answer", Sign.Processors, "kafka"),
        new TerminatedInOutage("SIGTERM of Ingest while Kafka does not answer", Sign.Ingest, "kafka"),
        new MemoryPressure(),
    ];

    public static Fault Named(string name) => All.Single(f => f.Name == name);
}
