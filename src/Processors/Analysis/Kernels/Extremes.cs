using System.Numerics.Tensors;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>Least and greatest value, −0 below +0. A NaN is let through, or dealt with as the policy says.</summary>
static class Extremes
{
    public static Outcome<double> Min(ReadOnlySpan<double> x, NanPolicy nan) => Of<Least>(x, nan);

    public static Outcome<double> Max(ReadOnlySpan<double> x, NanPolicy nan) => Of<Greatest>(x, nan);

    static Outcome<double> Of<TSide>(ReadOnlySpan<double> x, NanPolicy nan)
        where TSide : struct, IExtreme
    {
        if (x.IsEmpty)
            return KernelError.Empty;
        var found = Simd.Width switch
        {
            512 => Segments.Fold<ExtremeFold<Lanes512, TSide>, Extreme>(x, default),
            256 => Segments.Fold<ExtremeFold<Lanes256, TSide>, Extreme>(x, default),
            _ => Segments.Fold<ExtremeFold<LanesScalar, TSide>, Extreme>(x, default),
        };
        if (double.IsNaN(found.Signs))
        {
            using var kept = Kept.Of(x, nan);
            return kept.Error.Fault != KernelFault.None ? kept.Error : TSide.WithNan(kept.Values);
        }
        // Which zero a comparison leaves is chance.
        return found.Value != 0 ? found.Value : double.IsNegative(found.Signs) ? -TSide.OuterZero : TSide.OuterZero;
    }
}

/// <summary>One end of the values.</summary>
interface IExtreme
{
    static abstract double OuterZero { get; }

    static abstract T Outer<T>(T value, T found)
        where T : struct, ILanes<T>;

    static abstract double Outer(double value, double found);

    /// <summary>NaN where there is one.</summary>
    static abstract double WithNan(ReadOnlySpan<double> x);
}

readonly struct Least : IExtreme
{
    public static double OuterZero => -0.0;

    public static T Outer<T>(T value, T found)
        where T : struct, ILanes<T>
        => T.Min(value, found);

    public static double Outer(double value, double found) => Math.Min(value, found);

    public static double WithNan(ReadOnlySpan<double> x) => TensorPrimitives.Min(x);
}

readonly struct Greatest : IExtreme
{
    public static double OuterZero => 0.0;

    public static T Outer<T>(T value, T found)
        where T : struct, ILanes<T>
        => T.Max(value, found);

    public static double Outer(double value, double found) => Math.Max(value, found);

    public static double WithNan(ReadOnlySpan<double> x) => TensorPrimitives.Max(x);
}

/// <param name="Value">Meaningless where a value is not finite.</param>
/// <param name="Signs">NaN where a value is not finite; −0 where none has the sign of <see cref="IExtreme.OuterZero"/>, and +0 where one has it.</param>
readonly record struct Extreme(double Value, double Signs);
