using System.Numerics.Tensors;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>What a series holds besides finite numbers.</summary>
readonly record struct NotFinite(int Nan, int Positive, int Negative)
{
    public bool None => Nan + Positive + Negative == 0;

    /// <summary>What such values add up to, by IEEE 754.</summary>
    public double Total => Nan > 0 || (Positive > 0 && Negative > 0) ? double.NaN : Positive > 0 ? double.PositiveInfinity : double.NegativeInfinity;

    public static NotFinite Count(ReadOnlySpan<double> x)
    {
        int nan = 0, positive = 0, negative = 0;
        foreach (var value in x)
        {
            nan += double.IsNaN(value) ? 1 : 0;
            positive += double.IsPositiveInfinity(value) ? 1 : 0;
            negative += double.IsNegativeInfinity(value) ? 1 : 0;
        }
        return new(nan, positive, negative);
    }

    /// <summary>Whether there is a NaN at all.</summary>
    public static bool AnyNan(ReadOnlySpan<double> x) => TensorPrimitives.IsNaNAny(x);

    public static bool AllFinite(ReadOnlySpan<double> x) => TensorPrimitives.IsFiniteAll(x);
}
