using System.Buffers;
using Pipeline.Contracts;
using Pipeline.Contracts.Events;

namespace Pipeline.Ingest.Events;

enum Verdict : byte { Pending, Accepted, Rejected, Retry }

/// <summary>One event of a batch: where its bytes are and what became of it.</summary>
struct EventSlot
{
    public int Start, Length;
    public Token UserId;
    public Guid EventId;
    public long TimestampUs;
    public EventFault Fault;
    public Verdict Verdict;
}

/// <summary>A batch while it is read, produced and answered. The bytes stay in the request's body.</summary>
sealed class EventBatch(RequestBody body) : IDisposable
{
    /// <summary>More than this is not believed: a few such numbers would fill the sums.</summary>
    public const long ClientDroppedMax = 1_000_000_000;

    EventSlot[] _slots = ArrayPool<EventSlot>.Shared.Rent(128);

    public int Count { get; private set; }
    public string? BatchId { get; set; }
    public string? Tool { get; set; }
    public string? Version { get; set; }

    /// <summary>Events that the client gave up before this batch, by its own word.</summary>
    public long ClientDropped { get; set; }

    /// <summary>The client's clock when it sent the batch, unix microseconds.</summary>
    public long? SentAtUs { get; set; }

    public ReadOnlySpan<byte> Body => body.Span;

    public ref EventSlot this[int index] => ref _slots[index];

    public ReadOnlySpan<byte> Bytes(int index) => body.Span.Slice(_slots[index].Start, _slots[index].Length);

    public void Add(in EventSlot slot)
    {
        if (Count == _slots.Length)
        {
            var larger = ArrayPool<EventSlot>.Shared.Rent(Count * 2);
            _slots.AsSpan(0, Count).CopyTo(larger);
            ArrayPool<EventSlot>.Shared.Return(_slots);
            _slots = larger;
        }
        _slots[Count++] = slot;
    }

    public int CountOf(Verdict verdict)
    {
        var count = 0;
        for (var i = 0; i < Count; i++)
            count += _slots[i].Verdict == verdict ? 1 : 0;
        return count;
    }

    /// <summary>Times can be judged only when the whole envelope was read, because <c>sent_at</c> may stand at its end.</summary>
    public void CheckTimes(long receivedAtUs)
    {
        for (var i = 0; i < Count; i++)
        {
            ref var slot = ref _slots[i];
            if (!slot.Fault.Exists && !OccurredAt.TryResolve(slot.TimestampUs, SentAtUs, receivedAtUs, out _, out _))
                slot.Fault = new EventFault(FaultReason.TimestampOutOfRange, "timestamp");
            slot.Verdict = slot.Fault.Exists ? Verdict.Rejected : Verdict.Pending;
        }
    }

    public IngestHeader.Template Header(long receivedAtMs, string tenant) => new(receivedAtMs, tenant, BatchId, SentAtUs / 1000, Tool, Version);

    public void Dispose()
    {
        ArrayPool<EventSlot>.Shared.Return(_slots);
        _slots = [];
        Count = 0;
    }
}
