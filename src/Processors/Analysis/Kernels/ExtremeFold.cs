using System.Runtime.CompilerServices;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// The outermost value of a stretch. A comparison alone passes over a NaN and does not tell zeros apart; what is added up beside it does: zero times a value is NaN where the value is not finite, else a zero
/// with the product's sign, and a sum of zeros is −0 only where each of them is.
/// </summary>
readonly unsafe struct ExtremeFold<T, TSide> : IFold<Extreme>
    where T : struct, ILanes<T>
    where TSide : struct, IExtreme
{
    public Extreme Of(double* values, int count)
    {
        T found = T.All(values[0]), signs = T.All(-0.0);
        var i = count - (count % (2 * Lanes.Count));
        if (i > 0)
            Whole(values, i, ref found, ref signs);
        for (; i < count; i += Lanes.Count)
        {
            var value = count - i < Lanes.Count ? Lanes.Partial<T>(values + i, count - i, values[i]) : T.Load(values + i);
            found = TSide.Outer(value, found);
            signs = T.Fma(value, T.All(TSide.OuterZero), signs);
        }
        var lanes = stackalloc double[Lanes.Count];
        found.Store(lanes);
        for (var lane = 1; lane < Lanes.Count; lane++)
            lanes[0] = TSide.Outer(lanes[lane], lanes[0]);
        return new(lanes[0], Lanes.Total(signs));
    }

    /// <summary>Nothing is called here, so that what was found stays in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void Whole(double* values, int count, ref T found, ref T signs)
    {
        T even = found, odd = found, evenSigns = signs, oddSigns = T.All(-0.0), zero = T.All(TSide.OuterZero);
        for (var i = 0; i < count; i += 2 * Lanes.Count)
        {
            T value = T.Load(values + i), next = T.Load(values + i + Lanes.Count);
            even = TSide.Outer(value, even);
            odd = TSide.Outer(next, odd);
            evenSigns = T.Fma(value, zero, evenSigns);
            oddSigns = T.Fma(next, zero, oddSigns);
        }
        found = TSide.Outer(even, odd);
        signs = evenSigns + oddSigns;
    }

    public static Extreme Merge(in Extreme left, in Extreme right) => new(TSide.Outer(left.Value, right.Value), left.Signs + right.Signs);
}
