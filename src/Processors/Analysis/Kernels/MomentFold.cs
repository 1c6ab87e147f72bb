using System.Runtime.CompilerServices;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>Up to which power a <see cref="MomentFold{T, TOrder}"/> adds up deviations.</summary>
interface IOrder
{
    static abstract bool Fourth { get; }
}

readonly struct ToSecond : IOrder
{
    public static bool Fourth => false;
}

/// <summary>And the extremes, which then cost nothing.</summary>
readonly struct ToFourth : IOrder
{
    public static bool Fourth => true;
}

/// <summary>
/// Moments block by block. A block is read twice while it lies in the second cache: for its mean in twofold precision, and for its deviations from that. So memory is read once, and no
/// digit is lost to a far-away mean.
/// </summary>
readonly unsafe struct MomentFold<T, TOrder> : IFold<Moments>
    where T : struct, ILanes<T>
    where TOrder : struct, IOrder
{
    /// <summary>64 KB, which a second cache holds; in blocks of the first one's size the last steps of a block took as long as its values.</summary>
    const int BlockLength = 8192;

    public Moments Of(double* values, int count)
    {
        var all = Block(values, Math.Min(BlockLength, count));
        for (var at = BlockLength; at < count; at += BlockLength)
            all = Moments.Merge(all, Block(values + at, Math.Min(BlockLength, count - at)));
        return all;
    }

    public static Moments Merge(in Moments left, in Moments right) => Moments.Merge(left, right);

    /// <summary>
    /// So many values are added up plainly, four in a lane, before they are added to a block's with the error of the addition carried along: small ones beside a large one are each
    /// rounded away, and by hundreds that counts.
    /// </summary>
    const int StretchLength = 64;

    static Moments Block(double* values, int count)
    {
        var sum = default(SumFold<T>).Of(values, count);
        var mean = sum / count;
        T high = T.All(mean.High), low = T.All(mean.Low);
        var totals = new Totals(T.All(0), T.All(values[0]));
        var whole = count - (count % StretchLength);
        if (whole > 0)
            Whole(values, whole, high, low, ref totals);
        if (whole < count)
            Rest(values + whole, count - whole, high, low, ref totals);
        var squares = Lanes.Total(totals.S2, totals.E2);
        var varies = !(squares.High <= Moments.NothingSquared * mean.High * mean.High);
        return !TOrder.Fourth ? new(count, sum, varies ? squares : default, default, default, 0, 0)
            : new(count, sum, varies ? squares : default, varies ? Lanes.Total(totals.S3, totals.E3) : default, varies ? Lanes.Total(totals.S4, totals.E4) : default,
                Least(T.Min(totals.OddMin, totals.EvenMin)), Greatest(T.Max(totals.OddMax, totals.EvenMax)));
    }

    /// <summary>Stretches of full length. Everything is in locals and nothing is called, so that all of it stays in registers: beside calls, and in structures, it does not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void Whole(double* values, int count, T high, T low, ref Totals totals)
    {
        T s2 = totals.S2, s3 = totals.S3, s4 = totals.S4, e2 = totals.E2, e3 = totals.E3, e4 = totals.E4;
        T evenMin = totals.EvenMin, oddMin = totals.OddMin, evenMax = totals.EvenMax, oddMax = totals.OddMax;
        for (var at = 0; at < count; at += StretchLength)
        {
            T even2 = T.All(0), even3 = T.All(0), even4 = T.All(0), odd2 = T.All(0), odd3 = T.All(0), odd4 = T.All(0);
            for (var i = at; i < at + StretchLength; i += 2 * Lanes.Count)
            {
                T value = T.Load(values + i), next = T.Load(values + i + Lanes.Count);
                Add(value, (value - high) - low, ref even2, ref even3, ref even4, ref evenMin, ref evenMax);
                Add(next, (next - high) - low, ref odd2, ref odd3, ref odd4, ref oddMin, ref oddMax);
            }
            Carry(ref s2, ref e2, even2 + odd2);
            if (!TOrder.Fourth)
                continue;
            Carry(ref s3, ref e3, even3 + odd3);
            Carry(ref s4, ref e4, even4 + odd4);
        }
        (totals.S2, totals.S3, totals.S4, totals.E2, totals.E3, totals.E4) = (s2, s3, s4, e2, e3, e4);
        (totals.EvenMin, totals.OddMin, totals.EvenMax, totals.OddMax) = (evenMin, oddMin, evenMax, oddMax);
    }

    /// <summary>The last stretch, a shorter one.</summary>
    static void Rest(double* values, int count, T high, T low, ref Totals totals)
    {
        T s2 = T.All(0), s3 = T.All(0), s4 = T.All(0);
        for (var i = 0; i < count; i += Lanes.Count)
        {
            var left = Math.Min(Lanes.Count, count - i);
            var deviation = Lanes.Kept((Lanes.Partial<T>(values + i, left, 0) - high) - low, left);
            Add(Lanes.Partial<T>(values + i, left, values[i]), deviation, ref s2, ref s3, ref s4, ref totals.EvenMin, ref totals.EvenMax);
        }
        Carry(ref totals.S2, ref totals.E2, s2);
        if (!TOrder.Fourth)
            return;
        Carry(ref totals.S3, ref totals.E3, s3);
        Carry(ref totals.S4, ref totals.E4, s4);
    }

    /// <summary>Of a block: sums of powers of the deviations from its mean, what rounding took from them, and the extremes.</summary>
    struct Totals(T zero, T any)
    {
        public T S2 = zero, S3 = zero, S4 = zero, E2 = zero, E3 = zero, E4 = zero, EvenMin = any, OddMin = any, EvenMax = any, OddMax = any;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Add(T value, T deviation, ref T s2, ref T s3, ref T s4, ref T min, ref T max)
    {
        if (!TOrder.Fourth)
        {
            s2 = T.Fma(deviation, deviation, s2);
            return;
        }
        var square = deviation * deviation;
        s2 += square;
        s3 = T.Fma(square, deviation, s3);
        s4 = T.Fma(square, square, s4);
        min = T.Min(value, min);
        max = T.Max(value, max);
    }

    /// <summary>Adds a stretch's sum to a block's, and what rounding takes from that to <paramref name="error"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Carry(ref T sum, ref T error, T stretch)
    {
        var next = sum + stretch;
        error += Lanes.Lost(sum, stretch, next);
        sum = next;
    }

    static double Least(T lanes)
    {
        var v = stackalloc double[Lanes.Count];
        lanes.Store(v);
        for (var i = 1; i < Lanes.Count; i++)
            v[0] = Math.Min(v[0], v[i]);
        return v[0];
    }

    static double Greatest(T lanes)
    {
        var v = stackalloc double[Lanes.Count];
        lanes.Store(v);
        for (var i = 1; i < Lanes.Count; i++)
            v[0] = Math.Max(v[0], v[i]);
        return v[0];
    }
}
