using System.Runtime.CompilerServices;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// Sum and mean, each addition with its error carried along (Ogita, Rump and Oishi 2005): as if added up in twice the precision and rounded once, so within one
/// ulp while Σ|x| / |Σx| is below 10¹⁴ or so, in whatever order the values come. An intermediate sum beyond the largest double does no harm;
/// a result beyond it is <see cref="KernelFault.Overflow"/>.
/// </summary>
static class Sum
{
    public static Outcome<double> Of(ReadOnlySpan<double> x, NanPolicy nan) => Of(x, nan, 1);

    internal static Outcome<double> Of(ReadOnlySpan<double> x, NanPolicy nan, long divisor)
    {
        if (x.IsEmpty)
            return KernelError.Empty;
        var value = (Twofold(x) / divisor).Value;
        return double.IsFinite(value) ? value : Unusual(x, nan, divisor);
    }

    /// <summary>Without a look at what came out: not finite where a value is not, or where the sum overflows on its way.</summary>
    internal static Twofold Twofold(ReadOnlySpan<double> x) => Simd.Width switch
    {
        512 => Segments.Fold<SumFold<Lanes512>, Twofold>(x, default),
        256 => Segments.Fold<SumFold<Lanes256>, Twofold>(x, default),
        _ => Segments.Fold<SumFold<LanesScalar>, Twofold>(x, default),
    };

    [MethodImpl(MethodImplOptions.NoInlining)]
    static Outcome<double> Unusual(ReadOnlySpan<double> x, NanPolicy nan, long divisor)
    {
        using var kept = Kept.Of(x, nan);
        if (kept.Error.Fault != KernelFault.None)
            return kept.Error;
        if (kept.Values.Length < x.Length)
            return Of(kept.Values, nan, divisor == 1 ? 1 : kept.Values.Length);
        if (NotFinite.Count(x) is { None: false } strange)
            return strange.Total;
        // Every value is finite: 2⁻⁶⁴ of each leaves room for any number of them, and what it rounds away is below the result's last bit.
        var scaled = kept.Scaled(-64);
        var value = Math.ScaleB((Twofold(scaled) / divisor).Value, 64);
        return double.IsFinite(value) ? value : new Outcome<double>(value, KernelError.Overflow);
    }
}

static class Mean
{
    public static Outcome<double> Of(ReadOnlySpan<double> x, NanPolicy nan) => Sum.Of(x, nan, x.Length);
}

readonly unsafe struct SumFold<T> : IFold<Twofold>
    where T : struct, ILanes<T>
{
    public Twofold Of(double* values, int count)
    {
        T sum0 = T.All(0), sum1 = T.All(0), error0 = T.All(0), error1 = T.All(0);
        var i = count - (count % (2 * Lanes.Count));
        if (i > 0)
            Whole(values, i, ref sum0, ref error0, ref sum1, ref error1);
        if (i <= count - Lanes.Count)
        {
            Add(ref sum0, ref error0, T.Load(values + i));
            i += Lanes.Count;
        }
        if (i < count)
            Add(ref sum1, ref error1, Lanes.Partial<T>(values + i, count - i, 0));
        return Lanes.Total(sum0, error0) + Lanes.Total(sum1, error1);
    }

    /// <summary>Nothing is called here, so that the sums stay in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void Whole(double* values, int count, ref T even, ref T evenError, ref T odd, ref T oddError)
    {
        T sum0 = even, sum1 = odd, error0 = evenError, error1 = oddError;
        for (var i = 0; i < count; i += 2 * Lanes.Count)
        {
            Lanes.Fetch(values + i);
            Add(ref sum0, ref error0, T.Load(values + i));
            Add(ref sum1, ref error1, T.Load(values + i + Lanes.Count));
        }
        (even, evenError, odd, oddError) = (sum0, error0, sum1, error1);
    }

    public static Twofold Merge(in Twofold left, in Twofold right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Add(ref T sum, ref T error, T value)
    {
        var next = sum + value;
        error += Lanes.Lost(sum, value, next);
        sum = next;
    }
}
