using System.Numerics;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>What counts as usual: values from <see cref="Low"/> to <see cref="High"/>, both included. The score of a value is its distance from the center in spreads.</summary>
readonly record struct Fences(double Low, double High, double Center, double Spread)
{
    /// <summary>0 at the center even where there is no spread; infinite beyond it then.</summary>
    public double Score(double value) => value == Center ? 0 : (value - Center) / Spread;
}

/// <summary>
/// Values far from the rest, by three rules that all come to a pair of fences. Nothing is beyond fences of NaN: neither where a NaN propagates nor for an infinite mean.
/// </summary>
static unsafe class Anomalies
{
    /// <summary>Mean ± threshold · standard deviation. Usual threshold: 3. A single value among n never scores above (n − 1)/√n, so below 11 values 3 finds nothing.</summary>
    public static Outcome<Fences> ByScore(ReadOnlySpan<double> x, double threshold, int ddof, NanPolicy nan)
    {
        if (!(threshold > 0))
            return KernelError.Bad("threshold");
        if (ddof < 0)
            return KernelError.Bad("ddof");
        var moments = Moment.Of<ToSecond>(x, nan);
        if (moments.Failed)
            return moments.Error;
        if (moments.Value.Count <= ddof)
            return KernelError.TooFew(ddof + 1, moments.Value.Count);
        return Around(moments.Value.Average, moments.Value.Deviation(ddof), threshold);
    }

    /// <summary>
    /// Median ± threshold · 1.4826 · median absolute deviation (Iglewicz and Hoaglin 1993: their modified score is the distance over that spread, their threshold 3.5). Where more
    /// than half of the values are equal the spread is 0, and every other value an anomaly.
    /// </summary>
    public static Outcome<Fences> ByMedian(ReadOnlySpan<double> x, double threshold, NanPolicy nan)
    {
        if (!(threshold > 0))
            return KernelError.Bad("threshold");
        using var kept = Kept.Of(x, nan);
        if (kept.Error.Fault != KernelFault.None)
            return kept.Error;
        if (kept.HasNan)
            return Around(double.NaN, double.NaN, threshold);
        var center = Median.Middle(kept.Values);
        return Around(center, Median.NormalScale * Median.MiddleDistance(kept.Values, center), threshold);
    }

    /// <summary>From the first quartile − k · IQR to the third + k · IQR (Tukey 1977; usually k = 1.5). The score counts IQRs from the middle of the quartiles.</summary>
    public static Outcome<Fences> ByQuartiles(ReadOnlySpan<double> x, double k, QuantileMethod method, NanPolicy nan)
    {
        if (!(k >= 0))
            return KernelError.Bad("k");
        Span<double> quartiles = stackalloc double[2];
        var error = Quantiles.Of(x, [0.25, 0.75], method, nan, quartiles);
        if (error.Fault != KernelFault.None)
            return error;
        double first = quartiles[0], third = quartiles[1], apart = third - first;
        return new Fences(first - (k * apart), third + (k * apart), (first / 2) + (third / 2), apart);
    }

    /// <summary>The indexes of the values beyond the fences, ascending, as far as there is room; NaN are not among them.</summary>
    /// <returns>How many there are, room or not.</returns>
    public static int Beyond(ReadOnlySpan<double> x, in Fences fences, Span<int> indexes) => Simd.Width switch
    {
        512 => Beyond<Lanes512>(x, fences, indexes),
        256 => Beyond<Lanes256>(x, fences, indexes),
        _ => Beyond<LanesScalar>(x, fences, indexes),
    };

    static int Beyond<T>(ReadOnlySpan<double> x, in Fences fences, Span<int> indexes)
        where T : struct, ILanes<T>
    {
        T low = T.All(fences.Low), high = T.All(fences.High);
        int count = 0, i = 0;
        fixed (double* values = x)
        {
            for (; i < x.Length; i += Lanes.Count)
            {
                var eight = i <= x.Length - Lanes.Count ? T.Load(values + i) : Lanes.Partial<T>(values + i, x.Length - i, double.NaN);
                for (var bits = T.Less(eight, low) | T.Less(high, eight); bits != 0; bits &= bits - 1)
                {
                    if (count < indexes.Length)
                        indexes[count] = i + BitOperations.TrailingZeroCount(bits);
                    count++;
                }
            }
        }
        return count;
    }

    static Fences Around(double center, double spread, double threshold) =>
        new(center - (threshold * spread), center + (threshold * spread), center, spread);
}
