using System.Buffers.Binary;
using System.Collections;
using System.Numerics;
using Pipeline.Sinks.Metrics;

namespace Pipeline.Sinks.Postgres;

/// <summary>One user's occupied slots of one kind, united over buckets, projects and logs: a bit each, by pages of a day, so that memory goes with the days worked and not with the rows.</summary>
sealed class SlotUnion
{
    const int SlotsPerPage = 24 * 3600 / ActiveTime.SlotSeconds, WordBits = 64, PageWords = SlotsPerPage / WordBits, EntryBytes = 1 + SlotBits.Bytes;

    static readonly TimeSpan Bucket = TimeSpan.FromSeconds(SlotBits.SlotsPerBucket * ActiveTime.SlotSeconds);

    readonly Dictionary<long, ulong[]> _pages = [];
    readonly Stack<ulong[]> _emptyPages = [];
    readonly List<long> _slots = [];
    bool _isListed;

    /// <summary>Ascending, none twice.</summary>
    public IReadOnlyList<long> Slots
    {
        get
        {
            if (!_isListed)
                List();
            return _slots;
        }
    }

    public static long SlotOf(DateTime time) => SlotBits.SlotOf((time - DateTime.UnixEpoch).Ticks / 10);

    /// <param name="bucket">Where the row's bucket begins.</param>
    public void Unite(DateTime bucket, BitArray row)
    {
        var first = SlotOf(bucket) - SlotBits.SlotsBefore;
        for (var i = 0; i < row.Length; i++)
            if (row[i])
                Unite(first + i, 1UL << (WordBits - 1));
    }

    /// <param name="row">The bytes of a row's bits, first slot first.</param>
    public void Unite(DateTime bucket, ReadOnlySpan<byte> row)
    {
        Span<byte> whole = stackalloc byte[(SlotBits.Bytes + 7) / 8 * 8];
        whole.Clear();
        row[..SlotBits.Bytes].CopyTo(whole);
        var first = SlotOf(bucket) - SlotBits.SlotsBefore;
        for (var i = 0; i < whole.Length; i += 8)
            if (BinaryPrimitives.ReadUInt64BigEndian(whole[i..]) is not 0 and var bits)
                Unite(first + (i * 8), bits);
    }

    /// <param name="entries">Of a day that was added up: each the number of its bucket, and the bytes of the bucket's bits.</param>
    public void UniteDay(DateTime day, ReadOnlySpan<byte> entries)
    {
        for (; entries.Length >= EntryBytes; entries = entries[EntryBytes..])
            Unite(day + (entries[0] * Bucket), entries[1..]);
    }

    /// <param name="first">The slot of the highest bit.</param>
    void Unite(long first, ulong bits)
    {
        _isListed = false;
        var shift = (int)(first & (WordBits - 1));
        UniteWord(first >> 6, bits >> shift);
        if (shift > 0)
            UniteWord((first >> 6) + 1, bits << (WordBits - shift));
    }

    void UniteWord(long word, ulong bits)
    {
        if (bits == 0)
            return;
        var (number, within) = Math.DivRem(word, PageWords);
        ref var page = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_pages, number, out _);
        page ??= _emptyPages.TryPop(out var used) ? used : new ulong[PageWords];
        page[within] |= bits;
    }

    void List()
    {
        _slots.Clear();
        foreach (var (number, page) in _pages.OrderBy(p => p.Key))
            for (var i = 0; i < PageWords; i++)
                for (var bits = page[i]; bits != 0;)
                {
                    var bit = BitOperations.LeadingZeroCount(bits);
                    bits &= ~(1UL << (WordBits - 1 - bit));
                    _slots.Add((((number * PageWords) + i) * WordBits) + bit);
                }
        _isListed = true;
    }

    public void Clear()
    {
        foreach (var page in _pages.Values)
        {
            Array.Clear(page);
            _emptyPages.Push(page);
        }
        _pages.Clear();
        _slots.Clear();
        _isListed = true;
    }
}
