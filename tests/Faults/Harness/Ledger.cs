using System.Collections.Concurrent;

namespace Pipeline.Faults.Harness;

/// <summary>What a client was told about one event by one attempt to send it.</summary>
enum Told
{
    /// <summary>Accepted: from here on it must not be lost.</summary>
    Ok,
    /// <summary>Never valid, and not taken: it must not appear.</summary>
    Refused,
    /// <summary>No answer, a 503, a delivery report that failed: it may be in the log or not.</summary>
    Unknown,
}

/// <summary>Everything that clients were told, in the order in which they were told it. Nothing is ever taken back.</summary>
sealed class Ledger
{
    readonly ConcurrentQueue<(Guid Event, Told Told)> _entries = new();

    public void Write(Guid e, Told told) => _entries.Enqueue((e, told));

    public void Write(IEnumerable<Guid> events, Told told)
    {
        foreach (var e in events)
            Write(e, told);
    }

    public int Count => _entries.Count;

    /// <summary>Each event by the strongest word about it: one ok is enough, and a refusal counts only where no attempt may have come through.</summary>
    public Word Read()
    {
        var told = _entries.ToLookup(e => e.Event, e => e.Told);
        HashSet<Guid> ok = [], refused = [], unknown = [];
        foreach (var e in told)
            (e.Contains(Told.Ok) ? ok : e.Contains(Told.Unknown) ? unknown : refused).Add(e.Key);
        return new Word(ok, refused, unknown);
    }
}

/// <summary>Three sets that share no event.</summary>
sealed record Word(HashSet<Guid> Ok, HashSet<Guid> Refused, HashSet<Guid> Unknown);
