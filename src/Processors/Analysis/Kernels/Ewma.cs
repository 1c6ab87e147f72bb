namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// Exponentially weighted moving average, as pandas' <c>ewm(alpha, adjust, ignore_na=True).mean()</c>, in its order of operations. Adjusted, the weights of the values so far are
/// 1, 1−α, (1−α)² … backwards; not adjusted, yₜ = (1−α) yₜ₋₁ + α xₜ from y₀ = x₀. A NaN that propagates makes all that follows NaN; one that is left out
/// repeats the average before it (NaN before the first value) and does not let the weights decay.
/// </summary>
static class Ewma
{
    public static double AlphaOfSpan(double span) => 2 / (span + 1);

    public static double AlphaOfCenterOfMass(double centerOfMass) => 1 / (1 + centerOfMass);

    public static double AlphaOfHalfLife(double halfLife) => -double.ExpM1(-Math.Log(2) / halfLife);

    /// <param name="alpha">Above 0, at most 1.</param>
    /// <param name="averages">One for each value; may be the values' own memory.</param>
    public static KernelError Of(ReadOnlySpan<double> x, double alpha, bool adjust, NanPolicy nan, Span<double> averages)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(averages.Length, x.Length);
        if (!(alpha is > 0 and <= 1))
            return KernelError.Bad("alpha");
        if (x.IsEmpty)
            return KernelError.Empty;
        if (nan == NanPolicy.Raise && !NotFinite.AllFinite(x))
            return Kept.Of(x, nan).Error;
        double average = double.NaN, old = 1, fresh = adjust ? 1 : alpha;
        var begun = nan == NanPolicy.Propagate;
        if (begun)
            average = x[0];
        averages[0] = x[0];
        for (var i = begun ? 1 : 0; i < x.Length; i++)
        {
            var value = x[i];
            if (!begun)
            {
                begun = !double.IsNaN(value);
                average = value;
            }
            else if (!double.IsNaN(value) || nan == NanPolicy.Propagate)
            {
                old *= 1 - alpha;
                if (average != value)
                    average = ((old * average) + (fresh * value)) / (old + fresh);
                old = adjust ? old + fresh : 1;
            }
            averages[i] = average;
        }
        return KernelError.None;
    }
}
