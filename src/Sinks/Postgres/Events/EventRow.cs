using Pipeline.Contracts;
using Pipeline.Contracts.Events;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>One valid event on its way into PostgreSQL. Times are unix microseconds.</summary>
public sealed class EventRow
{
    public required long Offset { get; init; }
    public required Guid EventId { get; init; }
    public required EventType Type { get; init; }
    public required long OccurredAtUs { get; init; }
    public required long ReceivedAtUs { get; init; }

    /// <summary>The broker's own time of the record: what the ledger and retention go by.</summary>
    public required long LoggedAtUs { get; init; }

    public required string Tenant { get; init; }
    public required string UserId { get; init; }
    public required string ProjectId { get; init; }
    public string? Tool { get; init; }
    public string? AnnotationType { get; init; }

    /// <summary>In ms as sent; NaN where there is none.</summary>
    public double DurationMs { get; init; } = double.NaN;

    public bool Success { get; init; }

    public EventAction Action { get; init; }

    /// <summary><c>data.objectId</c> of an annotation event.</summary>
    public string? ObjectId { get; init; }

    public ObjectSource Source { get; init; }

    /// <summary><c>data.taskId</c> of a task_status event.</summary>
    public string? TaskId { get; init; }

    /// <summary>Of a performance event; NaN where there is none.</summary>
    public double Fps { get; init; } = double.NaN;

    /// <summary>When the sender said it sent the batch, by its own clock.</summary>
    public long? SentAtUs { get; set; }

    /// <summary>Whether <see cref="OccurredAtUs"/> is not the event's own timestamp, because the sender's clock was off.</summary>
    public bool Corrected { get; set; }

    /// <summary>The <c>ingest</c> header as it came, null where there was none.</summary>
    public byte[]? Header { get; init; }

    /// <summary>The record's key and its headers other than <see cref="Header"/>, for the dead letter that this event may become.</summary>
    public byte[]? RecordKey { get; set; }

    public IReadOnlyList<KeyValuePair<string, byte[]?>> OtherHeaders { get; set; } = [];

    /// <summary>The event's bytes; empty where only its figures are needed.</summary>
    public required byte[] Value { get; set; }
    public required byte[] Digest { get; init; }

    /// <summary>A tombstone covers it: its id is entered, with an empty digest, and nothing else of it is kept.</summary>
    public bool IsErased { get; set; }

    internal LedgerKey Key => new(EventId, Tenant);

    internal DeadLetter ToDeadLetter(EventFault fault, string? message = null) => new()
    {
        Offset = Offset,
        Tenant = Tenant,
        Fault = fault,
        Message = message,
        Key = RecordKey,
        Headers = Header is null ? OtherHeaders : [new(Topics.IngestHeaderName, Header), .. OtherHeaders],
        Value = Value,
        LoggedAtUs = LoggedAtUs,
    };
}

readonly record struct LedgerKey(Guid EventId, string Tenant)
{
    /// <summary>The id alone spreads well; hashing the tenant's text for each event cost 5 % of the road's CPU.</summary>
    public override int GetHashCode() => EventId.GetHashCode();
}

/// <summary>A stretch of one log: every offset from <see cref="From"/> up to <see cref="Next"/> is a valid event, a dead letter, or absent.</summary>
public sealed class EventBatch(long from, string topicTenant)
{
    /// <summary>Whose the offsets are that hold no record.</summary>
    public string TopicTenant { get; } = topicTenant;

    public long From { get; } = from;

    /// <summary>One past the last offset of the stretch.</summary>
    public long Next { get; set; } = from;

    public List<EventRow> Events { get; } = [];
    public List<DeadLetter> DeadLetters { get; } = [];

    /// <summary>After the batch was written: those of <see cref="Events"/> that became dead letters because their id was taken.</summary>
    public IReadOnlyList<EventRow> Conflicting { get; internal set; } = [];

    /// <summary>Offsets that hold no record a consumer can see: transaction markers, aborted or compacted records.</summary>
    public long Absent => Next - From - Events.Count - DeadLetters.Count;

    /// <summary>Cuts the stretch in two at its middle offset; false when it is a single offset.</summary>
    public bool TrySplit(out EventBatch first, out EventBatch second)
    {
        var middle = From + ((Next - From) / 2);
        first = Part(From, middle);
        second = Part(middle, Next);
        return middle > From;
    }

    /// <summary>The stretch with its one event as a dead letter.</summary>
    public EventBatch Refused(EventFault fault, string message)
    {
        var row = Events.Single();
        var refused = new EventBatch(From, TopicTenant) { Next = Next };
        refused.DeadLetters.Add(row.ToDeadLetter(fault, message));
        return refused;
    }

    EventBatch Part(long from, long next)
    {
        var part = new EventBatch(from, TopicTenant) { Next = next };
        part.Events.AddRange(Events.Where(e => e.Offset >= from && e.Offset < next));
        part.DeadLetters.AddRange(DeadLetters.Where(d => d.Offset >= from && d.Offset < next));
        return part;
    }
}

/// <summary>What one committed batch became.</summary>
public readonly record struct BatchOutcome(int Stored, int Duplicates, int DeadLettered, int Dropped, long Absent);
