using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Processors.Tests.Simulation;

/// <summary>What must hold, whatever happens.</summary>
enum Invariant { Conservation, StoredOnce, NoWriteUnderAnOldEpoch, RowIsItsRecord, NothingMissing, AggregatesAreTheRows, InnocentsLive, EverythingIsStoredInTime, NothingUnforeseen }

/// <summary>Looks at every commit, and at the whole when all is quiet. The first violation ends the run.</summary>
sealed class Checker(World world)
{
    readonly HashSet<Guid> _stored = [];

    public (Invariant Invariant, string Text)? Violation { get; private set; }

    public void Violated(Invariant invariant, string text) => Violation ??= (invariant, text);

    public void Wrote(LogRow row, long epoch)
    {
        if (row.Epoch != epoch || row.Closed)
            Violated(Invariant.NoWriteUnderAnOldEpoch, $"{row} is at epoch {row.Epoch}, written under {epoch}");
    }

    public void Stored(LogRow row, List<EventRow> rows)
    {
        foreach (var stored in rows)
        {
            if (!_stored.Add(stored.EventId) || !row.Rows.TryAdd(stored.Offset, stored))
                Violated(Invariant.StoredOnce, $"{row} offset {stored.Offset}: id {stored.EventId} is stored already");
            if (stored.Offset >= row.Log.End || !ReferenceEquals(row.Log.Entries[(int)stored.Offset].Message?.Value, stored.Value))
                Violated(Invariant.RowIsItsRecord, $"{row} offset {stored.Offset}: the row is another record's");
        }
    }

    public void Lettered(LogRow row, long offset, EventFault fault)
    {
        if (!row.Letters.TryAdd(offset, fault.Code))
            Violated(Invariant.Conservation, $"{row} offset {offset} is dead-lettered twice");
        var content = row.Log.Entries[(int)offset].Content;
        world.Met(Of(fault.Reason));
        if (fault.Reason == FaultReason.KilledProcessor && content != Content.Lethal && row.WronglyCounted > 0)
            Violated(Invariant.InnocentsLive, $"{row} offset {offset} ({content}) is dead-lettered as one that kills; {row.WronglyCounted} of its owners did not end because of it");
    }

    static Transition Of(FaultReason reason) => reason switch
    {
        FaultReason.ConflictingDuplicate => Transition.Conflict,
        FaultReason.KilledProcessor => Transition.NeverRead,
        FaultReason.ProcessorFailed => Transition.ReaderThrew,
        FaultReason.StoreRefused => Transition.RefusedAlone,
        _ => Transition.Invalid,
    };

    public void Counted(LogRow row, EventBatch batch, ResolvedEvents resolved)
    {
        if (batch.Absent > 0)
            world.Met(Transition.GapCounted);
        foreach (var repeated in resolved.Repeated)
            world.Met(row.Log.Entries[(int)repeated.Offset].Content == Content.Respelled ? Transition.SameContentOtherBytes : Transition.Duplicate);
    }

    /// <summary>Each offset passed has its outcome, in every state that anybody can see.</summary>
    public void Balanced()
    {
        foreach (var row in world.Store.Logs)
            if (row.Next - row.First != row.Stored + row.Duplicates + row.DeadLettered + row.Absent + row.Expired)
                Violated(Invariant.Conservation, $"{row} went from {row.First} to {row.Next}, but {row.Stored} stored, {row.Duplicates} duplicate, {row.DeadLettered} dead-lettered, {row.Absent} absent, {row.Expired} expired");
    }

    public void Marked(LogRow row)
    {
        world.Met(Transition.ReadAlone);
        row.ReadsAlone = true;
        if (row.Tries == Sinks.Postgres.LogOwnership.TriesBeforeAlone)
            row.WronglyCounted = 0;
    }

    /// <summary>A statement failed: its batch is given up, and with it the turn to read alone.</summary>
    public void Failed(SimulatedSession session)
    {
        foreach (var row in world.Store.Logs)
            if (row.Backend == session)
                row.ReadsAlone = false;
    }

    /// <summary>An owner is being counted as vanished.</summary>
    public void Vanished(LogRow row)
    {
        world.Met(Transition.ProcessVanished);
        if (row.Trying is not { } trying || row.Owner is not { } owner)
            return;
        var displaced = owner is { WasStopped: false, Actor.Ended: false };
        var endedByAnother = owner.KilledBy is { } record && !ReferenceEquals(record, row.Log.Entries[(int)trying].Message?.Value);
        if (displaced || endedByAnother)
            row.WronglyCounted++;
    }

    /// <summary>A record ends the process that reads it: the process must not be in the middle of another that it reads alone.</summary>
    public void Dies(SimulatedProcess process, byte[] record)
    {
        world.Met(Transition.KilledByRecord);
        foreach (var row in world.Store.Logs)
            if (row.Owner == process && row.ReadsAlone && row.Trying is { } trying && !ReferenceEquals(row.Log.Entries[(int)trying].Message?.Value, record))
                Violated(Invariant.InnocentsLive, $"{row} offset {trying} is being read alone while a record of another partition ends the process");
    }

    /// <summary>Everything is stored up to the ends of the logs: each offset is looked up.</summary>
    public void Reckon()
    {
        Balanced();
        foreach (var row in world.Store.Logs)
        {
            long stored = 0, letters = 0, absent = 0;
            for (var offset = row.First; offset < row.Next; offset++)
            {
                if (row.Losses.Exists(l => offset >= l.From && offset < l.To))
                    continue;
                stored += row.Rows.ContainsKey(offset) ? 1 : 0;
                letters += row.Letters.ContainsKey(offset) ? 1 : 0;
                absent += row.Log.Entries[(int)offset].Content == Content.Marker ? 1 : 0;
                Reckon(row, offset, row.Log.Entries[(int)offset]);
            }
            if ((stored, letters, absent) != (row.Stored, row.DeadLettered, row.Absent))
                Violated(Invariant.Conservation, $"{row} holds {stored} rows, {letters} letters and {absent} gaps, but counts {row.Stored}, {row.DeadLettered} and {row.Absent}");
            if (row.Activity != (row.Rows.Count, row.Rows.Values.Sum(r => r.DurationMs)))
                Violated(Invariant.AggregatesAreTheRows, $"{row} sums {row.Activity}, its rows {row.Rows.Count}");
        }
    }

    void Reckon(LogRow row, long offset, Entry entry)
    {
        var letter = row.Letters.GetValueOrDefault(offset);
        var isStored = row.Rows.ContainsKey(offset);
        var elsewhere = world.Store.Ledger.TryGetValue(entry.Id, out var first) && (first.Log != row || first.First.Offset != offset)
            && first.Log.Rows.ContainsKey(first.First.Offset);
        var foreseen = entry.Content switch
        {
            Content.Marker => !isStored && letter is null,
            Content.WithoutId => isStored,
            Content.Invalid => letter == "malformed_json",
            Content.Refused => letter is "store_refused" or "conflicting_duplicate" || (elsewhere && letter is null),
            Content.Throws => letter == "processor_failed",
            Content.Lethal => letter == "killed_processor",
            _ => isStored || (elsewhere && letter is null or "conflicting_duplicate"),
        };
        if (!foreseen && letter != "killed_processor")
            Violated(Invariant.NothingMissing, $"{row} offset {offset} holds a record that is {entry.Content} (id {entry.Id}); stored: {isStored}, letter: {letter ?? "none"}, its id elsewhere: {elsewhere}");
    }
}
