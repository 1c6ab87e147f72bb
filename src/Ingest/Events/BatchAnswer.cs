using System.Text.Json;
using Pipeline.Contracts.Events;

namespace Pipeline.Ingest.Events;

/// <summary>The verdict of one event that was not accepted.</summary>
/// <param name="Index">Its position in the batch, from 0.</param>
/// <param name="EventId">The sender's id, or the one derived from batch and position; null where the event could not be read.</param>
/// <param name="Verdict"><c>rejected</c>: it can never be stored. <c>retry</c>: send it again.</param>
/// <param name="Reason">A code from a closed list.</param>
public sealed record EventVerdict(int Index, Guid? EventId, string Verdict, string Reason, string Detail);

/// <summary>The answer to a batch. <c>results</c> lists only events that were not accepted.</summary>
public sealed record BatchAnswer(string Status, string Message, string? BatchId, DateTime Timestamp, int ProcessedCount, int TotalCount, IReadOnlyList<EventVerdict> Results)
{
    internal static BatchAnswer Of(EventBatch batch, DateTimeOffset now, string? deliveryError)
    {
        var accepted = batch.CountOf(Verdict.Accepted);
        var all = accepted == batch.Count;
        return new BatchAnswer(all ? "success" : "partial",
            all ? $"{accepted} events accepted" : $"{accepted} of {batch.Count} events accepted",
            batch.BatchId, now.UtcDateTime, accepted, batch.Count, all ? [] : Verdicts(batch, deliveryError));
    }

    static List<EventVerdict> Verdicts(EventBatch batch, string? deliveryError)
    {
        var verdicts = new List<EventVerdict>();
        for (var i = 0; i < batch.Count; i++)
        {
            ref var slot = ref batch[i];
            if (slot.Verdict == Verdict.Accepted)
                continue;
            verdicts.Add(slot.Fault.Exists
                ? new EventVerdict(i, IdOf(slot, batch, i), "rejected", slot.Fault.Code, slot.Fault.Detail)
                : new EventVerdict(i, IdOf(slot, batch, i), "retry", "not_acknowledged", deliveryError ?? "The broker did not acknowledge the event."));
        }
        return verdicts;
    }

    static Guid? IdOf(in EventSlot slot, EventBatch batch, int index) =>
        slot.EventId != Guid.Empty ? slot.EventId
        : slot.Fault.Exists || batch.BatchId is null ? null : EventIdentity.FromBatch(batch.BatchId, index, batch.Bytes(index));

    internal static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DictionaryKeyPolicy = null,
    };
}
