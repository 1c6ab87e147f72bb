using System.Buffers.Binary;

namespace Pipeline.Sinks.Metrics;

/// <summary>
/// The 10-second slots that the events of a 15-minute bucket occupied, as bits: PostgreSQL's <c>bit(270)</c>. An event belongs to the bucket in which it ended and
/// lasts at most 30 minutes, so that the bits begin 30 minutes before the bucket.
/// </summary>
public struct SlotBits
{
    public const int SlotsPerBucket = 90, SlotsBefore = 180, Count = SlotsBefore + SlotsPerBucket, Bytes = (Count + 7) / 8;

    const int Words64 = 5;

    Words _words;

    /// <summary>Slot of a time in unix µs.</summary>
    public static long SlotOf(long unixUs) => Math.DivRem(unixUs, 10_000_000, out var rest) - (rest < 0 ? 1 : 0);

    /// <summary>The slot of the first bit, for a bucket that begins then.</summary>
    public static long FirstSlot(long bucketUs) => SlotOf(bucketUs) - SlotsBefore;

    /// <param name="first">Counted from the first bit, both ends included.</param>
    public void Set(int first, int last)
    {
        for (var i = first; i <= last; i++)
            _words[i >> 6] |= 1UL << (63 - (i & 63));
    }

    /// <summary>The first slot in the first byte's highest bit.</summary>
    public readonly void Write(Span<byte> bytes)
    {
        Span<byte> whole = stackalloc byte[Words64 * 8];
        for (var i = 0; i < Words64; i++)
            BinaryPrimitives.WriteUInt64BigEndian(whole[(i * 8)..], _words[i]);
        whole[..Bytes].CopyTo(bytes);
    }

    [System.Runtime.CompilerServices.InlineArray(Words64)]
    struct Words
    {
        ulong _first;
    }
}
