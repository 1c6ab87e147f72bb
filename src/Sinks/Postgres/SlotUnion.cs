using System.Collections;
using System.Numerics;
using Pipeline.Sinks.Metrics;

namespace Pipeline.Sinks.Postgres;

/// <summary>One user's occupied slots of one kind, united over buckets, projects and logs.</summary>
sealed class SlotUnion
{
    readonly int[] _row = new int[(SlotBits.Count + 31) / 32];
    /// <summary>From here on repeated slots are taken out whenever their number has doubled: rows of one bucket have no bound, slots of a time have.</summary>
    const int OrderAtMin = 1 << 16;

    static readonly TimeSpan Bucket = TimeSpan.FromSeconds(SlotBits.SlotsPerBucket * ActiveTime.SlotSeconds);

    readonly List<long> _slots = [];
    bool _isOrdered = true;
    int _orderAt = OrderAtMin;

    /// <summary>Ascending, none twice.</summary>
    public IReadOnlyList<long> Slots
    {
        get
        {
            if (!_isOrdered)
                Order();
            return _slots;
        }
    }

    public static long SlotOf(DateTime time) => SlotBits.SlotOf((time - DateTime.UnixEpoch).Ticks / 10);

    /// <param name="bucket">Where the row's bucket begins.</param>
    public void Unite(DateTime bucket, BitArray row)
    {
        row.CopyTo(_row, 0);
        var first = SlotOf(bucket) - SlotBits.SlotsBefore;
        for (var i = 0; i < _row.Length; i++)
            for (var word = (uint)_row[i]; word != 0; word &= word - 1)
                Add(first + (i * 32) + BitOperations.TrailingZeroCount(word));
    }

    /// <param name="row">The bytes of a row's bits, first slot first.</param>
    public void Unite(DateTime bucket, ReadOnlySpan<byte> row)
    {
        var first = SlotOf(bucket) - SlotBits.SlotsBefore;
        for (var i = 0; i < SlotBits.Bytes; i++)
            for (var bits = (uint)row[i] << 24; bits != 0; bits &= ~(0x8000_0000u >> BitOperations.LeadingZeroCount(bits)))
                Add(first + (i * 8) + BitOperations.LeadingZeroCount(bits));
    }

    /// <param name="entries">Of a day that was added up: each the number of its bucket, and the bytes of the bucket's bits.</param>
    public void UniteDay(DateTime day, ReadOnlySpan<byte> entries)
    {
        for (; entries.Length > SlotBits.Bytes; entries = entries[(1 + SlotBits.Bytes)..])
            Unite(day + (entries[0] * Bucket), entries[1..]);
    }

    void Add(long slot)
    {
        _isOrdered &= _slots.Count == 0 || slot > _slots[^1];
        _slots.Add(slot);
        if (_slots.Count < _orderAt)
            return;
        if (!_isOrdered)
            Order();
        _orderAt = Math.Max(OrderAtMin, 2 * _slots.Count);
    }

    void Order()
    {
        _slots.Sort();
        var kept = 0;
        for (var i = 0; i < _slots.Count; i++)
            if (kept == 0 || _slots[i] != _slots[kept - 1])
                _slots[kept++] = _slots[i];
        _slots.RemoveRange(kept, _slots.Count - kept);
        _isOrdered = true;
    }

    public void Clear()
    {
        _slots.Clear();
        (_isOrdered, _orderAt) = (true, OrderAtMin);
    }
}
