using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Pipeline.Sinks.Metrics;

/// <summary>
/// Counts of non-negative integers in log-linear bins: below 64 one bin a value, above it 64 bins an octave, so that the middle of a bin is within
/// 1/128 (0.8 %) of every value in it (Gil Tene's HdrHistogram, with fixed precision). Adding is all there is to merging.
/// </summary>
/// <remarks>Stored as entries of 6 bytes, big-endian: bin (2), count (4). Entries of one bin may repeat, so that a store merges by putting one behind the other.</remarks>
public sealed class LogLinearHistogram
{
    public const int EntryBytes = 6;

    const int LinearBits = 6, Linear = 1 << LinearBits;

    readonly Dictionary<int, long> _bins = [];

    /// <summary>In order; null since something was added.</summary>
    KeyValuePair<int, long>[]? _ordered;

    public long Count { get; private set; }

    /// <param name="value">At least 0.</param>
    public static int BinOf(long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        if (value < Linear)
            return (int)value;
        var shift = BitOperations.Log2((ulong)value) - LinearBits;
        return (shift * Linear) + (int)(value >> shift);
    }

    /// <summary>The middle of a bin.</summary>
    public static double ValueOf(int bin)
    {
        if (bin < 2 * Linear)
            return bin;
        var shift = (bin / Linear) - 1;
        var least = (long)((bin % Linear) + Linear) << shift;
        return least + (((1L << shift) - 1) / 2.0);
    }

    public void Add(long value, long count = 1) => AddBin(BinOf(value), count);

    /// <summary>Adds what is stored; null is nothing.</summary>
    public void Add(ReadOnlySpan<byte> entries)
    {
        for (; entries.Length >= EntryBytes; entries = entries[EntryBytes..])
            AddBin(BinaryPrimitives.ReadUInt16BigEndian(entries), BinaryPrimitives.ReadUInt32BigEndian(entries[2..]));
    }

    public void Add(LogLinearHistogram other)
    {
        foreach (var (bin, count) in other._bins)
            AddBin(bin, count);
    }

    void AddBin(int bin, long count)
    {
        CollectionsMarshal.GetValueRefOrAddDefault(_bins, bin, out _) += count;
        _ordered = null;
        Count += count;
    }

    /// <summary>R-7 (Hyndman and Fan 1996): linear between the two order statistics around <c>p (n − 1)</c>.</summary>
    /// <param name="p">From 0 to 1.</param>
    /// <returns>Null over nothing.</returns>
    public double? Percentile(double p)
    {
        if (Count == 0)
            return null;
        var rank = p * (Count - 1);
        var below = (long)Math.Floor(rank);
        var low = OrderStatistic(below);
        return below + 1 < Count && rank > below ? low + ((rank - below) * (OrderStatistic(below + 1) - low)) : low;
    }

    double OrderStatistic(long index)
    {
        var seen = 0L;
        foreach (var (bin, count) in _ordered ??= [.. _bins.OrderBy(b => b.Key)])
            if ((seen += count) > index)
                return ValueOf(bin);
        throw new ArgumentOutOfRangeException(nameof(index));
    }
}
