namespace Pipeline.Processors.Tests.Simulation;

/// <summary>What the state machines can go through. A run in which one of them never happened proves nothing about it, and fails.</summary>
enum Transition
{
    Acquired, AcquiredAfterWaiting, AcquiredByEndingTheOwner, AcquireCancelled, AcquireUnavailable,
    MismatchExpired, LossAccepted, MismatchNewTopic, NewTopicAccepted, StaleTopicRefused, OtherLogStored, TopicMadeAnewInAcquisition, EndBehindOffset,
    FencedByEpoch, FencedWhileMarking, Promoted,
    Committed, CommitLostApplied, CommitLostNotApplied, LockReleasedByIdleTimeout,
    WaitedForIds, IdsKnownOnFastPath, IdsKnownOnCarefulPath, Duplicate, Conflict, SameContentOtherBytes,
    Halved, RefusedAlone, Invalid, ReaderThrew, ProcessorFaulty,
    GapReadTwice, GapCounted, GapOfTheClient, RemovedUnread,
    TopicMadeAnewInBatch, TopicUnavailable,
    ProcessVanished, ReadAlone, KilledByRecord, NeverRead,
    QueueFull, Resumed, SeekLater, Unreadable,
    RevokedWhileAcquiring, RevokedInBatch, RevokedIdle, StoppedInBatch, StopBudgetSpent, Released, ReleaseUnderOldEpoch, NotReleased,
    ZombieSessionEnded, ZombieWriteRefused, StatementFailed, RequestLost, AnswerLost, SessionDied, StoreRestarted,
}

/// <summary>How often each transition happened.</summary>
sealed class Coverage
{
    static readonly Transition[] All = Enum.GetValues<Transition>();

    readonly long[] _counts = new long[All.Length];

    public void Met(Transition transition) => _counts[(int)transition]++;

    public long this[Transition transition] => _counts[(int)transition];

    public void Add(Coverage other)
    {
        for (var i = 0; i < _counts.Length; i++)
            _counts[i] += other._counts[i];
    }

    public IEnumerable<Transition> Missing => All.Where(t => _counts[(int)t] == 0);

    public override string ToString() => string.Join("\n", All.Select(t => $"  {t,-26} {_counts[(int)t],12:N0}"));
}
