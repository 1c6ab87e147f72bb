using Pipeline.Contracts.Events;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>What the ledger knew of an id before this batch: the digest of the bytes and the place of the row.</summary>
public sealed record KnownEvent(byte[] Digest, int LogId, long Offset, DateTime LoggedAt)
{
    /// <summary>The stored bytes, read only where digests differ; null when retention or erasure removed the row.</summary>
    public byte[]? Value { get; set; }
}

/// <summary>
/// Sorts the events of one batch into new, duplicate and conflicting. First is the first committed; within a batch, the lowest offset.
/// </summary>
public sealed class Duplicates
{
    readonly Dictionary<LedgerKey, EventRow> _firsts;
    readonly List<EventRow> _repeats = [];
    readonly Dictionary<LedgerKey, KnownEvent> _known = [];

    public Duplicates(IReadOnlyCollection<EventRow> rowsByOffset)
    {
        _firsts = new Dictionary<LedgerKey, EventRow>(rowsByOffset.Count);
        foreach (var row in rowsByOffset)
            if (!_firsts.TryAdd(row.Key, row))
                _repeats.Add(row);
        Firsts = [.. _firsts.Values];
    }

    /// <summary>The first event of each id in this batch, by offset.</summary>
    public List<EventRow> Firsts { get; }

    public int KnownCount => _known.Count;

    public void MarkKnown(EventRow row, KnownEvent known) => _known.Add(row.Key, known);

    /// <summary>Known events whose digest differs from an event of this batch: only their stored bytes tell a conflict from other white space.</summary>
    public IEnumerable<KnownEvent> Undecided() =>
        Firsts.Concat(_repeats).Where(r => _known.TryGetValue(r.Key, out var known) && !Same(known.Digest, r.Digest)).Select(r => _known[r.Key]).Distinct();

    public ResolvedEvents Resolve()
    {
        List<EventRow> fresh = new(Firsts.Count), repeated = [], conflicting = [], dropped = [];
        foreach (var row in Firsts)
        {
            if (!_known.TryGetValue(row.Key, out var known))
                (row.IsErased ? dropped : fresh).Add(row);
            else
                (SaysTheSame(row, known.Digest, known.Value) ? repeated : conflicting).Add(row);
        }
        foreach (var row in _repeats)
        {
            var (digest, value) = _known.TryGetValue(row.Key, out var known) ? (known.Digest, known.Value) : (_firsts[row.Key].Digest, _firsts[row.Key].IsErased ? null : _firsts[row.Key].Value);
            (SaysTheSame(row, digest, value) ? repeated : conflicting).Add(row);
        }
        return new ResolvedEvents(fresh, repeated, conflicting) { Dropped = dropped };
    }

    /// <summary>
    /// An event whose stored row is gone counts as the same: its id was stored once, and that is what the ledger promises. So does one that a tombstone covers: a letter would keep it.
    /// </summary>
    static bool SaysTheSame(EventRow row, byte[] digest, byte[]? value) =>
        row.IsErased || Same(digest, row.Digest) || value is null || JsonContent.Same(value, row.Value);

    static bool Same(byte[] a, byte[] b) => a.AsSpan().SequenceEqual(b);
}
