using System.Runtime.CompilerServices;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// A number as the sum of two doubles, about 106 bits (Dekker 1971; error-free sum by Knuth, TAOCP 2, 4.2.2). Where <see cref="High"/> is not finite, it alone counts.
/// </summary>
readonly record struct Twofold(double High, double Low)
{
    public double Value => double.IsFinite(High) ? High + Low : High;

    /// <summary>a + b without any error.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twofold Sum(double a, double b)
    {
        var sum = a + b;
        var fromB = sum - a;
        return new(sum, (a - (sum - fromB)) + (b - fromB));
    }

    /// <summary>a · b without any error, unless it leaves the range of doubles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twofold Product(double a, double b)
    {
        var product = a * b;
        return new(product, Math.FusedMultiplyAdd(a, b, -product));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twofold operator +(Twofold a, double b)
    {
        var sum = Sum(a.High, b);
        return Renormal(sum.High, sum.Low + a.Low);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twofold operator +(Twofold a, Twofold b)
    {
        var high = Sum(a.High, b.High);
        var low = Sum(a.Low, b.Low);
        var sum = Renormal(high.High, high.Low + low.High);
        return Renormal(sum.High, sum.Low + low.Low);
    }

    public static Twofold operator -(Twofold a) => new(-a.High, -a.Low);

    public static Twofold operator -(Twofold a, Twofold b) => a + -b;

    public static Twofold operator *(Twofold a, double b)
    {
        var product = Product(a.High, b);
        return Renormal(product.High, Math.FusedMultiplyAdd(a.Low, b, product.Low));
    }

    public static Twofold operator /(Twofold a, double b)
    {
        var quotient = a.High / b;
        var rest = a - Product(quotient, b);
        return double.IsFinite(quotient) ? Renormal(quotient, (rest.High + rest.Low) / b) : new(quotient, 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Twofold Renormal(double high, double low)
    {
        var sum = high + low;
        return double.IsFinite(sum) ? new(sum, low - (sum - high)) : new(double.IsNaN(sum) ? high : sum, 0);
    }
}
