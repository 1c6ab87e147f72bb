using System.Numerics.Tensors;
using System.Runtime.CompilerServices;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>Moments of a series. Values so large or small that their powers leave the range of doubles are brought to about one first, by a power of two.</summary>
static class Moment
{
    /// <summary>Variances between these keep fourth powers of deviations well inside the range of doubles; squares have twice the room.</summary>
    const double FourthLeast = 1e-130, FourthMost = 1e130, SecondLeast = 1e-260, SecondMost = 1e260;

    static readonly Twofold None = new(double.NaN, 0);

    public static Outcome<Moments> Of<TOrder>(ReadOnlySpan<double> x, NanPolicy nan)
        where TOrder : struct, IOrder
    {
        if (x.IsEmpty)
            return KernelError.Empty;
        var moments = Plain<TOrder>(x);
        var variance = moments.Squares / moments.Count;
        return TOrder.Fourth ? variance is > FourthLeast and < FourthMost ? moments : Unusual<TOrder>(x, nan)
            : variance is > SecondLeast and < SecondMost ? moments : Unusual<TOrder>(x, nan);
    }

    static Moments Plain<TOrder>(ReadOnlySpan<double> x)
        where TOrder : struct, IOrder
        => Simd.Width switch
        {
            512 => Segments.Fold<MomentFold<Lanes512, TOrder>, Moments>(x, default),
            256 => Segments.Fold<MomentFold<Lanes256, TOrder>, Moments>(x, default),
            _ => Segments.Fold<MomentFold<LanesScalar, TOrder>, Moments>(x, default),
        };

    [MethodImpl(MethodImplOptions.NoInlining)]
    static Outcome<Moments> Unusual<TOrder>(ReadOnlySpan<double> x, NanPolicy nan)
        where TOrder : struct, IOrder
    {
        using var kept = Kept.Of(x, nan);
        if (kept.Error.Fault != KernelFault.None)
            return kept.Error;
        if (kept.Values.Length < x.Length)
            return Of<TOrder>(kept.Values, nan);
        double least = TensorPrimitives.Min(x), most = TensorPrimitives.Max(x);
        if (NotFinite.Count(x) is { None: false } strange)
            return new Moments(x.Length, new(strange.Total, 0), None, None, None, least, most);
        var largest = Math.Max(Math.Abs(least), Math.Abs(most));
        var exponent = largest == 0 ? 0 : -Math.ILogB(largest);
        return Plain<TOrder>(kept.Scaled(exponent)) with { Exponent = exponent, Min = least, Max = most };
    }
}
