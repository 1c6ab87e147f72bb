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

/// <summary>What deviations of a block are taken from.</summary>
interface IOrigin
{
    /// <summary>Whether it may be off the mean: then the deviations are added up, too, and their powers are brought to the mean afterwards.</summary>
    static abstract bool Guessed { get; }
}

/// <summary>The block's own mean, in twofold precision.</summary>
readonly struct OwnMean : IOrigin
{
    public static bool Guessed => false;
}

/// <summary>The mean of the block before, one double.</summary>
readonly struct MeanBefore : IOrigin
{
    public static bool Guessed => true;
}

/// <summary>
/// Moments block by block. Deviations are taken from the mean of the block before, so that a block is read once, and memory never waits; what that mean is off, the sums are corrected for (Pébay 2008). Where it is off
/// by more than an eighth of the block's own deviation, as in values that drift, the correction would cost digits, and at the first block there is none: these are read twice, for their own mean in twofold precision and for the deviations from that.
/// The mean is good to one ulp times its condition, Σ|x| / |Σx|, and not to the last bit, as that of <see cref="Sum"/> is: deviations are rounded before they are added up.
/// </summary>
readonly unsafe struct MomentFold<T, TOrder> : IFold<Moments>
    where T : struct, ILanes<T>
    where TOrder : struct, IOrder
{
    /// <summary>64 KB, which a second cache holds; in blocks of the first one's size the last steps of a block took as long as its values.</summary>
    const int BlockLength = 8192;

    /// <summary>Enough for a mean within a thirtieth of the deviation, where values come in no order.</summary>
    const int FirstLength = 1024;

    /// <summary>By so many deviations, squared, a guessed origin may be off: the correction takes a 64th from the sum of squares then.</summary>
    const double OffSquaredMost = 1.0 / 64;

    public Moments Of(double* values, int count)
    {
        var at = Math.Min(FirstLength, count);
        var block = Block(values, at);
        var (all, drifts) = (block, false);
        for (; at < count; at += BlockLength)
        {
            var length = Math.Min(BlockLength, count - at);
            var origin = (block.Sum / block.Count).High;
            // Where one block is far from the one before, as in sorted values, so are the next ones of the piece.
            drifts = drifts || !TryOnce(values + at, length, origin, out block);
            if (drifts)
                block = Block(values + at, length);
            all = Moments.Merge(all, block);
        }
        return all;
    }

    public static Moments Merge(in Moments left, in Moments right) => Moments.Merge(left, right);

    /// <summary>
    /// So many values are added up plainly, four in a lane, before they are added to a block's with the error of the addition carried along: small ones beside a large one are each
    /// rounded away, and by hundreds that counts.
    /// </summary>
    const int StretchLength = 64;

    /// <summary>In two readings.</summary>
    static Moments Block(double* values, int count)
    {
        var sum = default(SumFold<T>).Of(values, count);
        var mean = sum / count;
        var totals = Added<OwnMean>(values, count, T.All(mean.High), T.All(mean.Low));
        return Found(count, sum, Lanes.Total(totals.S2, totals.E2), TOrder.Fourth ? Lanes.Total(totals.S3, totals.E3) : default, TOrder.Fourth ? Lanes.Total(totals.S4, totals.E4) : default, totals);
    }

    /// <summary>In one reading.</summary>
    /// <returns>False where the origin was too far off, or the values are none that can be added up.</returns>
    static bool TryOnce(double* values, int count, double origin, out Moments block)
    {
        var totals = Added<MeanBefore>(values, count, T.All(origin), T.All(0));
        Twofold s1 = Lanes.Total(totals.S1, totals.E1), s2 = Lanes.Total(totals.S2, totals.E2);
        var off = (s1 / count).Value;
        // Σ(d − off)² = Σd² − off · Σd, and so on for the other powers.
        var squares = s2 - (s1 * off);
        var square = off * off;
        if (!TOrder.Fourth)
            block = Found(count, Twofold.Product(origin, count) + s1, squares, default, default, totals);
        else
            block = Found(count, Twofold.Product(origin, count) + s1, squares, Lanes.Total(totals.S3, totals.E3) - (s2 * (3 * off)) + (s1 * (2 * square)),
                Lanes.Total(totals.S4, totals.E4) - (Lanes.Total(totals.S3, totals.E3) * (4 * off)) + (s2 * (6 * square)) - (s1 * (3 * square * off)), totals);
        return count * square <= OffSquaredMost * squares.Value;
    }

    static Moments Found(int count, Twofold sum, Twofold squares, Twofold cubes, Twofold fourths, in Totals totals)
    {
        var mean = sum.High / count;
        var varies = !(squares.High <= Moments.NothingSquared * mean * mean);
        return !TOrder.Fourth ? new(count, sum, varies ? squares : default, default, default, 0, 0)
            : new(count, sum, varies ? squares : default, varies ? cubes : default, varies ? fourths : default, Least(T.Min(totals.OddMin, totals.EvenMin)), Greatest(T.Max(totals.OddMax, totals.EvenMax)));
    }

    static Totals Added<TOrigin>(double* values, int count, T high, T low)
        where TOrigin : struct, IOrigin
    {
        var totals = new Totals(T.All(0), T.All(values[0]));
        var whole = count - (count % StretchLength);
        if (whole > 0)
            Whole<TOrigin>(values, whole, high, low, ref totals);
        if (whole < count)
            Rest<TOrigin>(values + whole, count - whole, high, low, ref totals);
        return totals;
    }

    /// <summary>Stretches of full length. Everything is in locals and nothing is called, so that all of it stays in registers: beside calls, and in structures, it does not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void Whole<TOrigin>(double* values, int count, T high, T low, ref Totals totals)
        where TOrigin : struct, IOrigin
    {
        T s1 = totals.S1, s2 = totals.S2, s3 = totals.S3, s4 = totals.S4, e1 = totals.E1, e2 = totals.E2, e3 = totals.E3, e4 = totals.E4;
        T evenMin = totals.EvenMin, oddMin = totals.OddMin, evenMax = totals.EvenMax, oddMax = totals.OddMax;
        for (var at = 0; at < count; at += StretchLength)
        {
            T even1 = T.All(0), even2 = T.All(0), even3 = T.All(0), even4 = T.All(0), odd1 = T.All(0), odd2 = T.All(0), odd3 = T.All(0), odd4 = T.All(0);
            for (var i = at; i < at + StretchLength; i += 2 * Lanes.Count)
            {
                Lanes.Fetch(values + i);
                T value = T.Load(values + i), next = T.Load(values + i + Lanes.Count);
                Add<TOrigin>(value, TOrigin.Guessed ? value - high : (value - high) - low, ref even1, ref even2, ref even3, ref even4, ref evenMin, ref evenMax);
                Add<TOrigin>(next, TOrigin.Guessed ? next - high : (next - high) - low, ref odd1, ref odd2, ref odd3, ref odd4, ref oddMin, ref oddMax);
            }
            if (TOrigin.Guessed)
                Carry(ref s1, ref e1, even1 + odd1);
            Carry(ref s2, ref e2, even2 + odd2);
            if (!TOrder.Fourth)
                continue;
            Carry(ref s3, ref e3, even3 + odd3);
            Carry(ref s4, ref e4, even4 + odd4);
        }
        (totals.S1, totals.S2, totals.S3, totals.S4, totals.E1, totals.E2, totals.E3, totals.E4) = (s1, s2, s3, s4, e1, e2, e3, e4);
        (totals.EvenMin, totals.OddMin, totals.EvenMax, totals.OddMax) = (evenMin, oddMin, evenMax, oddMax);
    }

    /// <summary>The last stretch, a shorter one.</summary>
    static void Rest<TOrigin>(double* values, int count, T high, T low, ref Totals totals)
        where TOrigin : struct, IOrigin
    {
        T s1 = T.All(0), s2 = T.All(0), s3 = T.All(0), s4 = T.All(0);
        for (var i = 0; i < count; i += Lanes.Count)
        {
            var left = Math.Min(Lanes.Count, count - i);
            var value = left == Lanes.Count ? T.Load(values + i) : Lanes.Partial<T>(values + i, left, values[i]);
            var deviation = (value - high) - low;
            Add<TOrigin>(value, left == Lanes.Count ? deviation : Lanes.Kept(deviation, left), ref s1, ref s2, ref s3, ref s4, ref totals.EvenMin, ref totals.EvenMax);
        }
        if (TOrigin.Guessed)
            Carry(ref totals.S1, ref totals.E1, s1);
        Carry(ref totals.S2, ref totals.E2, s2);
        if (!TOrder.Fourth)
            return;
        Carry(ref totals.S3, ref totals.E3, s3);
        Carry(ref totals.S4, ref totals.E4, s4);
    }

    /// <summary>Of a block: sums of powers of the deviations from an origin, what rounding took from them, and the extremes.</summary>
    struct Totals(T zero, T any)
    {
        public T S1 = zero, S2 = zero, S3 = zero, S4 = zero, E1 = zero, E2 = zero, E3 = zero, E4 = zero, EvenMin = any, OddMin = any, EvenMax = any, OddMax = any;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Add<TOrigin>(T value, T deviation, ref T s1, ref T s2, ref T s3, ref T s4, ref T min, ref T max)
        where TOrigin : struct, IOrigin
    {
        if (TOrigin.Guessed)
            s1 += deviation;
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
