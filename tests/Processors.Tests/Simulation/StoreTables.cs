using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Processors.Tests.Simulation;

/// <summary>Why a wait within the store ended.</summary>
enum WaitEnd { Granted, TimedOut, SessionEnded, Cancelled }

/// <summary>A row of table <c>offsets</c> with its outcomes. Only what is committed; what is not stands with its transaction.</summary>
sealed class LogRow(int logId, SimulatedLog log, long first)
{
    public int LogId => logId;
    public SimulatedLog Log => log;
    public long First { get; } = first;
    public long Next { get; set; } = first;
    public long Epoch { get; set; }
    public SimulatedProcess? Owner { get; set; }
    public SimulatedSession? Backend { get; set; }
    public long? Trying { get; set; }
    public long TryingEpoch { get; set; }
    public int Tries { get; set; }
    public bool Closed { get; set; }

    /// <summary>Whether the owner is between marking a record and the end of its batch, with everybody else kept waiting.</summary>
    public bool ReadsAlone { get; set; }

    /// <summary>Owners that count against the record being tried, though they were only displaced, or ended by another record.</summary>
    public int WronglyCounted { get; set; }

    /// <summary>Its insertion was rolled back.</summary>
    public bool Removed { get; set; }

    public RowLock Lock { get; } = new();

    public long Stored { get; set; }
    public long Duplicates { get; set; }
    public long DeadLettered { get; set; }
    public long Absent { get; set; }
    public long Expired { get; set; }

    public List<(long From, long To)> Losses { get; } = [];

    public Dictionary<long, EventRow> Rows { get; } = [];

    /// <summary>Reason codes of the dead letters, by offset.</summary>
    public Dictionary<long, string> Letters { get; } = [];

    /// <summary>Sum of table <c>activity</c> over this log: events, and their durations in ms.</summary>
    public (long Events, double DurationMs) Activity { get; set; }

    public override string ToString() => $"{log.TopicId}[{log.Partition}]";
}

/// <summary>An id of the ledger; uncommitted while it has a writer.</summary>
sealed class LedgerEntry(LogRow row, EventRow first, SimulatedSession writer)
{
    public LogRow Log => row;
    public EventRow First => first;
    public SimulatedSession? Writer { get; set; } = writer;
}

/// <summary>A row's lock: held up to the end of a transaction, granted in the order of asking.</summary>
sealed class RowLock
{
    readonly List<(SimulatedSession Session, TaskCompletionSource<WaitEnd> Wait)> _waiting = [];

    public SimulatedSession? Holder { get; private set; }

    public bool TryTake(SimulatedSession session)
    {
        if (Holder is not null && Holder != session)
            return false;
        Holder = session;
        return true;
    }

    public void Wait(SimulatedSession session, TaskCompletionSource<WaitEnd> wait) => _waiting.Add((session, wait));

    public void Free(SimulatedSession session)
    {
        if (Holder != session)
            return;
        Holder = null;
        while (Holder is null && _waiting.Count > 0)
        {
            var (next, wait) = _waiting[0];
            _waiting.RemoveAt(0);
            if (wait.TrySetResult(WaitEnd.Granted))
                Holder = next;
        }
    }
}
