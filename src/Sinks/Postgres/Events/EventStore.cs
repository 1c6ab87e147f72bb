namespace Pipeline.Sinks.Postgres.Events;

/// <summary>Where events are stored: PostgreSQL, or the simulator's store, which fails at every statement. One call is one session.</summary>
public interface IEventStore
{
    Task<IEventSession> OpenAsync(CancellationToken stop);
}

/// <summary>One session with the store, which can own one log. When it ends, whatever it had open is rolled back.</summary>
public interface IEventSession : IAsyncDisposable
{
    /// <summary>False once the session is known to be lost.</summary>
    bool IsOpen { get; }

    /// <summary>Raises the log's epoch, so that no earlier owner writes any more, and says where the log stands.</summary>
    /// <inheritdoc cref="LogOwnership.AcquireAsync"/>
    Task<Fence> AcquireAsync(LogPlace log, LogExtent extent, CancellationToken stop);

    /// <summary>Commits that the record at <paramref name="offset"/> is about to be read, alone: if this process dies now, the next owner knows of which record.</summary>
    /// <exception cref="FencedException">Another owner has the log.</exception>
    Task MarkTryingAsync(Fence fence, long offset, CancellationToken stop);

    /// <summary>Makes room for rows of these broker's times (unix µs), outside any batch's transaction.</summary>
    Task MakeRoomAsync(IEnumerable<long> loggedAtUs, CancellationToken stop);

    Task<IEventTransaction> BeginAsync(CancellationToken stop);

    /// <summary>Gives the log up, so that the next owner knows that this one did not vanish. Changes nothing under an old epoch.</summary>
    Task ReleaseAsync(Fence fence, CancellationToken stop);
}

/// <summary>One batch's transaction. Disposed without a commit it leaves nothing behind.</summary>
public interface IEventTransaction : IAsyncDisposable
{
    /// <summary>The fence: moves the offset from where the owner holds it, under its epoch; anything else raises.</summary>
    Task AdvanceAsync(Fence fence, long next, CancellationToken stop);

    /// <summary>Marks the events and letters that a tombstone covers.</summary>
    Task SetAsideAsync(EventBatch batch, CancellationToken stop);

    /// <summary>Enters the ids that are new and tells <paramref name="ids"/> of those that were known.</summary>
    Task EnterIdsAsync(Fence fence, Duplicates ids, CancellationToken stop);

    Task AddRowsAsync(Fence fence, List<EventRow> rows, CancellationToken stop);

    Task AddActivityAsync(Fence fence, List<EventRow> rows, CancellationToken stop);

    /// <summary>Dead letters, and what became of every offset of the batch.</summary>
    Task AddOutcomesAsync(Fence fence, EventBatch batch, ResolvedEvents resolved, CancellationToken stop);

    /// <exception cref="FencedException">Whether it was committed is not known: acquiring the log again tells.</exception>
    Task CommitAsync(CancellationToken stop);
}

/// <summary>A batch's valid events after the ledger was asked.</summary>
public sealed record ResolvedEvents(List<EventRow> New, List<EventRow> Repeated, List<EventRow> Conflicting)
{
    /// <summary>New ones that a tombstone covers.</summary>
    public List<EventRow> Dropped { get; init; } = [];
}
