using System.Numerics.Tensors;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// A statistic of every window of so many neighbours: one result for each full window, the first for values 0 … window − 1. Nothing is ever subtracted from a running sum
/// (<see cref="SlidingFold"/>), so that a result depends on the values in its window alone: a NaN, an infinity or a large value is forgotten as
/// soon as it leaves. Linear time whatever the window, but for the median, which moves up to a window's values a step.
/// </summary>
static class Rolling
{
    /// <returns>How many results there are: values − window + 1, the values being those that the policy keeps.</returns>
    public static Outcome<int> Mean(ReadOnlySpan<double> x, int window, NanPolicy nan, Span<double> results) =>
        Scaled<WindowSum>(x, window, 0, nan, results, 1);

    public static Outcome<int> Deviation(ReadOnlySpan<double> x, int window, int ddof, NanPolicy nan, Span<double> results) =>
        ddof < 0 ? KernelError.Bad("ddof") : window <= ddof ? KernelError.Bad("window") : Scaled<WindowMoments>(x, window, ddof, nan, results, 2);

    public static Outcome<int> Min(ReadOnlySpan<double> x, int window, NanPolicy nan, Span<double> results)
    {
        using var kept = Kept.Of(x, nan, Math.Max(1, window));
        return Checked(kept, window, results) is { Failed: true } bad ? bad : SlidingFold.Run<WindowLeast>(kept.Values, window, 0, results);
    }

    public static Outcome<int> Max(ReadOnlySpan<double> x, int window, NanPolicy nan, Span<double> results)
    {
        using var kept = Kept.Of(x, nan, Math.Max(1, window));
        return Checked(kept, window, results) is { Failed: true } bad ? bad : SlidingFold.Run<WindowGreatest>(kept.Values, window, 0, results);
    }

    public static Outcome<int> Median(ReadOnlySpan<double> x, int window, NanPolicy nan, Span<double> results, CancellationToken cancel)
    {
        using var kept = Kept.Of(x, nan, Math.Max(1, window));
        return Checked(kept, window, results) is { Failed: true } bad ? bad : SlidingMedian.Run(kept.Values, window, results, cancel);
    }

    /// <summary>
    /// Where the <paramref name="power"/> of the largest value leaves the range of doubles, or that of the smallest figures falls below it, all values are brought to about one; windows
    /// below 10⁻³⁰⁰ of the largest value then count as zero.
    /// </summary>
    static Outcome<int> Scaled<TPart>(ReadOnlySpan<double> x, int window, int ddof, NanPolicy nan, Span<double> results, int power)
        where TPart : unmanaged, IWindow<TPart>
    {
        using var kept = Kept.Of(x, nan, Math.Max(1, window));
        if (Checked(kept, window, results) is { Failed: true } bad)
            return bad;
        var largest = LargestFinite(kept.Values);
        var limit = power == 1 ? 1e290 : 1e140;
        if (largest < limit && (power == 1 || largest > 1 / limit || largest == 0))
            return SlidingFold.Run<TPart>(kept.Values, window, ddof, results);
        var exponent = -Math.ILogB(largest);
        var count = SlidingFold.Run<TPart>(kept.Scaled(exponent), window, ddof, results);
        foreach (ref var result in results[..count])
            result = Math.ScaleB(result, -exponent);
        return count;
    }

    static Outcome<int> Checked(in Kept kept, int window, Span<double> results)
    {
        if (window < 1)
            return KernelError.Bad("window");
        if (kept.Error.Fault != KernelFault.None)
            return kept.Error;
        ArgumentOutOfRangeException.ThrowIfLessThan(results.Length, kept.Values.Length - window + 1);
        return 0;
    }

    static double LargestFinite(ReadOnlySpan<double> x)
    {
        var largest = Math.Abs(TensorPrimitives.MaxMagnitude(x));
        if (double.IsFinite(largest))
            return largest;
        largest = 0;
        foreach (var value in x)
            if (double.IsFinite(value))
                largest = Math.Max(largest, Math.Abs(value));
        return largest;
    }
}
