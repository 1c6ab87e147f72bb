using System.Buffers.Binary;

namespace Pipeline.Sinks.Metrics;

/// <summary>The 10-second slots of one hour as bits, the first slot first: PostgreSQL's <c>bit(360)</c>.</summary>
public struct SlotBits
{
    public const int SlotsPerHour = 360, Bytes = SlotsPerHour / 8;

    /// <summary>Slot of a time in unix µs.</summary>
    public static long SlotOf(long unixUs) => Math.DivRem(unixUs, 10_000_000, out var rest) - (rest < 0 ? 1 : 0);

    Words _words;

    /// <param name="first">Slots within the hour, both ends included.</param>
    public void Set(int first, int last)
    {
        for (var i = first; i <= last; i++)
            _words[i >> 6] |= 1UL << (63 - (i & 63));
    }

    public readonly void Write(Span<byte> bytes)
    {
        Span<byte> whole = stackalloc byte[48];
        for (var i = 0; i < 6; i++)
            BinaryPrimitives.WriteUInt64BigEndian(whole[(i * 8)..], _words[i]);
        whole[..Bytes].CopyTo(bytes);
    }

    [System.Runtime.CompilerServices.InlineArray(6)]
    struct Words
    {
        ulong _first;
    }
}
