using System.Runtime.CompilerServices;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// Σ a·b by fused additions in 32 lanes over stretches and blocks, the blocks added up in twofold precision: |error| below 3 · 2⁻⁵³ · Σ|a·b| as a rule, ten times
/// that at worst. Not by TensorPrimitives.Dot, whose lanes and so whose bits depend on the processor.
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
    const int BlockLength = 2048, StretchLength = 512;

    public Twofold Of(double* values, int count)
    {
        var partner = other + (values - first);
        var total = default(Twofold);
        for (var at = 0; at < count; at += BlockLength)
            total += Block(values + at, partner + at, Math.Min(BlockLength, count - at));
        return total;
    }

    public static Twofold Merge(in Twofold left, in Twofold right) => left + right;

    /// <summary>Stretches of 512, so that small products beside large ones are not lost one by one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static double Block(double* a, double* b, int count)
    {
        var all = T.All(0);
        for (var at = 0; at < count; at += StretchLength)
            all += Stretch(a + at, b + at, Math.Min(StretchLength, count - at));
        return Lanes.Total(all);
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
