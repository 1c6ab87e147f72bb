namespace Pipeline.Processors.Tests.Simulation;

/// <summary>Bugs planted on purpose, one at a time: a simulator that misses one of them is not to be trusted with the others.</summary>
enum Bug
{
    None,
    /// <summary>The compare-and-swap of the offset does not look at the epoch.</summary>
    FenceWithoutEpoch,
    /// <summary>The offset moves in a transaction of its own, before the rows.</summary>
    OffsetBeforeRows,
    /// <summary>The rows are stored whatever the ledger knows.</summary>
    LedgerNotAsked,
    /// <summary>Ids that another transaction has not committed yet are taken for known at once.</summary>
    UncommittedIdsBelieved,
    /// <summary>A commit whose outcome is lost counts as a success.</summary>
    LostCommitIsSuccess,
    /// <summary>A commit whose outcome is lost is sent again, under a fence that lets it.</summary>
    LostCommitSentAgain,
    /// <summary>After a failure the client reads on where it was instead of where the log was acquired.</summary>
    ReadsOnWithoutSeek,
    /// <summary>A release gives up the log of whoever owns it now.</summary>
    ReleaseUnderOldEpoch,
    /// <summary>The first gap of an assignment is believed.</summary>
    GapBelievedAtOnce,
    /// <summary>The new owner waits for the lock of a stopped one for ever.</summary>
    ZombieSessionKept,
    /// <summary>The topic's id is not asked for again after the batch was fetched.</summary>
    TopicAskedBefore,
    /// <summary>Other partitions read while one record is read alone.</summary>
    OthersReadBesideOneAlone,
    /// <summary>The record about to be read alone is not committed before it is read.</summary>
    NotMarked,
}
