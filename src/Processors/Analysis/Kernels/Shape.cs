namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// Skewness and excess kurtosis as scipy defines them (<c>scipy.stats.skew</c>, <c>kurtosis</c>): with their bias, or corrected for it, which needs three and four values. Neither
/// depends on location or scale. Where nothing varies, and with an infinity among the values, they are NaN.
/// </summary>
static class Shape
{
    public static Outcome<double> Skewness(ReadOnlySpan<double> x, bool bias, NanPolicy nan)
    {
        var moments = Moment.Of<ToFourth>(x, nan);
        return moments.Failed ? moments.Error : !bias && moments.Value.Count < 3 ? KernelError.TooFew(3, moments.Value.Count) : moments.Value.Skewness(bias);
    }

    public static Outcome<double> Kurtosis(ReadOnlySpan<double> x, bool bias, NanPolicy nan)
    {
        var moments = Moment.Of<ToFourth>(x, nan);
        return moments.Failed ? moments.Error : !bias && moments.Value.Count < 4 ? KernelError.TooFew(4, moments.Value.Count) : moments.Value.Kurtosis(bias);
    }
}
