using Pipeline.Faults.Harness;
using Pipeline.Faults.Requests;

namespace Pipeline.Faults;

/// <summary>What a fault cannot do without; where it is missing, the fault is skipped and says so.</summary>
[Flags]
enum Need { None = 0, Root = 1, FakeTime = 2, Influx = 4, Cluster = 8, Rabbit = 16, Python = 32 }

/// <summary>
/// One thing that goes wrong: how it is brought about, how it is taken away, and where it must be visible. Everything else (load, ledger,
/// invariants) is the same for all of them.
/// </summary>
/// <param name="name">A sentence without an end, as it stands in docs/faults.md.</param>
/// <param name="usualSeconds">How long a whole run of it usually takes: what the five-minute selection is made by.</param>
abstract class Fault(string name, int usualSeconds)
{
    public string Name => name;

    public virtual int UsualSeconds => usualSeconds;

    public virtual Need Needs => Need.None;

    public virtual LoadShape Load => new();

    /// <summary>Requests of analyses beside the events; null for none. They need RabbitMQ.</summary>
    public virtual RequestShape? Requests => null;

    /// <summary>Settings of the hosts beyond the usual ones.</summary>
    public virtual (string Name, string Value)[] IngestSettings => [];

    public virtual (string Name, string Value)[] ProcessorsSettings => [];

    /// <summary>Which program stands for the processors.</summary>
    public virtual string ProcessorsHost => "Processors";

    /// <summary>How long it lasts at least. It also lasts until every sign was seen.</summary>
    public virtual TimeSpan Hold => TimeSpan.FromSeconds(2);

    /// <summary>Within 5 s of striking each of them is to be seen.</summary>
    public virtual IReadOnlyList<Sign> Signs => [];

    /// <summary>Before the load begins.</summary>
    public virtual Task PrepareAsync(FaultRun run) => Task.CompletedTask;

    /// <summary>Where the database lies, if it matters.</summary>
    public virtual Task<string?> TablespaceAsync(Lane lane) => Task.FromResult<string?>(null);

    /// <summary>Whether it calls <see cref="FaultRun.Struck"/> at the moment it has struck; else it counts as having struck when it is injected.</summary>
    public virtual bool SaysWhenItStruck => false;

    public abstract Task InjectAsync(FaultRun run);

    /// <summary>Takes it away. Recovery is counted from its end, unless it says earlier by <see cref="FaultRun.Healed"/>.</summary>
    public virtual Task HealAsync(FaultRun run) => Task.CompletedTask;

    /// <summary>What this fault promises besides the invariants; each breach is added to the findings.</summary>
    public virtual Task CheckAsync(FaultRun run, Findings findings) => Task.CompletedTask;

    /// <summary>After the run, whatever became of it: what is left besides topic, database, bucket and hosts.</summary>
    public virtual Task CleanAsync(Lane lane) => Task.CompletedTask;
}
