using System.Runtime.CompilerServices;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// Σ a·b by fused additions in 32 lanes over stretches of 128, what rounding takes from the sums of stretches carried along, the blocks added up in twofold precision:
/// |error| below 6 · 2⁻⁵³ · Σ|a·b|. Not by TensorPrimitives.Dot, whose lanes and so whose bits depend on the processor.
/// </summary>
static unsafe class Dot
{
    public static double Of(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(b.Length, a.Length);
        fixed (double* first = a, other = b)
        {
            var total = Simd.Width switch
            {
                512 => Segments.Fold<DotFold<Lanes512>, Twofold>(a, new(first, other)),
                256 => Segments.Fold<DotFold<Lanes256>, Twofold>(a, new(first, other)),
                _ => Segments.Fold<DotFold<LanesScalar>, Twofold>(a, new(first, other)),
            };
            return total.Value;
        }
    }
}

readonly unsafe struct DotFold<T>(double* first, double* other) : IFold<Twofold>
    where T : struct, ILanes<T>
{
    const int BlockLength = 2048, StretchLength = 128;

    public Twofold Of(double* values, int count)
    {
        var partner = other + (values - first);
        var total = default(Twofold);
        for (var at = 0; at < count; at += BlockLength)
            total += Block(values + at, partner + at, Math.Min(BlockLength, count - at));
        return total;
    }

    public static Twofold Merge(in Twofold left, in Twofold right) => left + right;

    /// <summary>By short stretches, so that small products beside a large one are not each rounded away.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static Twofold Block(double* a, double* b, int count)
    {
        T all = T.All(0), lost = T.All(0);
        for (var at = 0; at < count; at += StretchLength)
        {
            var (before, stretch) = (all, Stretch(a + at, b + at, Math.Min(StretchLength, count - at)));
            all += stretch;
            lost += Lanes.Lost(before, stretch, all);
        }
        return Lanes.Total(all, lost);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static T Stretch(double* a, double* b, int count)
    {
        T s0 = T.All(0), s1 = T.All(0), s2 = T.All(0), s3 = T.All(0);
        var i = 0;
        for (; i <= count - (4 * Lanes.Count); i += 4 * Lanes.Count)
        {
            s0 = T.Fma(T.Load(a + i), T.Load(b + i), s0);
            s1 = T.Fma(T.Load(a + i + Lanes.Count), T.Load(b + i + Lanes.Count), s1);
            s2 = T.Fma(T.Load(a + i + (2 * Lanes.Count)), T.Load(b + i + (2 * Lanes.Count)), s2);
            s3 = T.Fma(T.Load(a + i + (3 * Lanes.Count)), T.Load(b + i + (3 * Lanes.Count)), s3);
        }
        for (; i <= count - Lanes.Count; i += Lanes.Count)
            s0 = T.Fma(T.Load(a + i), T.Load(b + i), s0);
        if (i < count)
            s1 = T.Fma(Lanes.Partial<T>(a + i, count - i, 0), Lanes.Partial<T>(b + i, count - i, 0), s1);
        return (s0 + s1) + (s2 + s3);
    }
}
