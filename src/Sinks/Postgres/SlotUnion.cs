using System.Collections;
using System.Numerics;
using Pipeline.Sinks.Metrics;

namespace Pipeline.Sinks.Postgres;

/// <summary>One user's occupied slots of one kind: rows of an hour are united over projects and logs, hours follow each other.</summary>
sealed class SlotUnion
{
    const int Words = (SlotBits.SlotsPerHour + 31) / 32;

    readonly int[] _hour = new int[Words], _row = new int[Words];
    readonly List<long> _slots = [];

    /// <summary>Ascending, of the hours that ended.</summary>
    public IReadOnlyList<long> Slots => _slots;

    public static long SlotOf(DateTime time) => SlotBits.SlotOf((time - DateTime.UnixEpoch).Ticks / 10);

    public void Unite(BitArray row)
    {
        row.CopyTo(_row, 0);
        for (var i = 0; i < Words; i++)
            _hour[i] |= _row[i];
    }

    /// <param name="first">The hour's first slot.</param>
    public void EndHour(long first)
    {
        for (var i = 0; i < Words; i++)
            for (var word = (uint)_hour[i]; word != 0; word &= word - 1)
                _slots.Add(first + (i * 32) + BitOperations.TrailingZeroCount(word));
        Array.Clear(_hour);
    }

    public void Clear() => _slots.Clear();
}
