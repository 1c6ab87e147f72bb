using System.Buffers;
using System.Numerics.Tensors;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>The middle value, or halfway between the two middle ones; and the median of the distances from it.</summary>
static class Median
{
    public static Outcome<double> Of(ReadOnlySpan<double> x, NanPolicy nan)
    {
        using var kept = Kept.Of(x, nan);
        return kept.Error.Fault != KernelFault.None ? kept.Error : kept.HasNan ? double.NaN : Middle(kept.Values);
    }

    /// <summary>
    /// Median absolute deviation. Times <see cref="NormalScale"/> it estimates the standard deviation of a normal distribution. A distance beyond the largest double does
    /// no harm; a result beyond it, to which of finite values only the scale can lead, is <see cref="KernelFault.Overflow"/>. Rents an array of the values' size.
    /// </summary>
    public static Outcome<double> AbsoluteDeviation(ReadOnlySpan<double> x, double scale, NanPolicy nan)
    {
        using var kept = Kept.Of(x, nan);
        if (kept.Error.Fault != KernelFault.None)
            return kept.Error;
        if (kept.HasNan)
            return double.NaN;
        var deviation = scale * MiddleDistance(kept.Values, Middle(kept.Values));
        return double.IsInfinity(deviation) && NotFinite.AllFinite(kept.Values) ? new Outcome<double>(deviation, KernelError.Overflow) : deviation;
    }

    /// <summary>1 / Φ⁻¹(¾).</summary>
    public const double NormalScale = 1.482602218505602;

    /// <summary>Of values without NaN, at least one.</summary>
    internal static double Middle(ReadOnlySpan<double> x)
    {
        Span<double> middle = stackalloc double[2];
        if (x.Length % 2 != 0)
        {
            Selection.Of(x, [x.Length / 2], middle);
            return middle[0];
        }
        Selection.Of(x, [(x.Length / 2) - 1, x.Length / 2], middle);
        var sum = middle[0] + middle[1];
        return double.IsInfinity(sum) ? (middle[0] / 2) + (middle[1] / 2) : sum / 2;
    }

    internal static double MiddleDistance(ReadOnlySpan<double> x, double center)
    {
        var rented = ArrayPool<double>.Shared.Rent(x.Length);
        var distances = rented.AsSpan(0, x.Length);
        TensorPrimitives.Subtract(x, center, distances);
        var middle = MiddleSize(distances);
        // Half of the distances between finite values are at most half their range. With infinities beside them the farther of two middle ones can overflow where halfway
        // between them is a double still: once more with half of everything, which loses nothing beside a center of that size.
        if (double.IsInfinity(middle) && double.IsFinite(center))
        {
            TensorPrimitives.Multiply(x, 0.5, distances);
            TensorPrimitives.Subtract(distances, center / 2, distances);
            middle = 2 * MiddleSize(distances);
        }
        ArrayPool<double>.Shared.Return(rented);
        return middle;
    }

    static double MiddleSize(Span<double> differences)
    {
        TensorPrimitives.Abs(differences, differences);
        // An infinity is as far from itself as IEEE 754 can say: not a number.
        return NotFinite.AnyNan(differences) ? double.NaN : Middle(differences);
    }
}
