using System.Numerics.Tensors;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// Deviations from the mean, times a power of two that keeps their squares inside the range of doubles. The mean is subtracted in two pieces, so that
/// a deviation is as good as the value itself however far away the mean lies.
/// </summary>
static class Centered
{
    /// <summary>Beside the mean's square, squares of deviations below this are rounding: one value that differs by its last bit makes more.</summary>
    const double Nothing = 1.0 / (1L << 60) / (1L << 60);

    /// <param name="deviations">As many as values; may be the values' own memory.</param>
    /// <returns>The sum of the deviations' squares: 0 where nothing varies, NaN where a value is not finite.</returns>
    public static double Write(ReadOnlySpan<double> x, Span<double> deviations)
    {
        if (x.IsEmpty)
            return 0;
        var largest = Math.Abs(TensorPrimitives.MaxMagnitude(x));
        if (!double.IsFinite(largest))
        {
            deviations.Fill(double.NaN);
            return double.NaN;
        }
        if (largest is 0 or (> 1e-130 and < 1e130))
            return Plain(x, deviations);
        var exponent = -Math.ILogB(largest);
        for (var i = 0; i < x.Length; i++)
            deviations[i] = Math.ScaleB(x[i], exponent);
        return Plain(deviations, deviations);
    }

    static double Plain(ReadOnlySpan<double> x, Span<double> deviations)
    {
        var mean = Sum.Twofold(x) / x.Length;
        TensorPrimitives.Subtract(x, mean.High, deviations);
        TensorPrimitives.Subtract(deviations, mean.Low, deviations);
        var squares = Dot.Of(deviations, deviations);
        return squares <= Nothing * mean.High * mean.High ? 0 : squares;
    }
}
