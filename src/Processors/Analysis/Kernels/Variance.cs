namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// Σ(x − mean)² / (n − ddof), and its root. <c>ddof</c> is 0 for a population and 1 for a sample. Both need more than ddof values, and both can overflow, the root only
/// where the range of the values does. With an infinity among the values they are NaN.
/// </summary>
static class Variance
{
    public static Outcome<double> Of(ReadOnlySpan<double> x, int ddof, NanPolicy nan)
    {
        var moments = Moments(x, ddof, nan);
        return moments.Failed ? moments.Error : Bounded(moments.Value.Variance(ddof), moments.Value);
    }

    public static Outcome<double> Deviation(ReadOnlySpan<double> x, int ddof, NanPolicy nan)
    {
        var moments = Moments(x, ddof, nan);
        return moments.Failed ? moments.Error : Bounded(moments.Value.Deviation(ddof), moments.Value);
    }

    static Outcome<Moments> Moments(ReadOnlySpan<double> x, int ddof, NanPolicy nan)
    {
        if (ddof < 0)
            return KernelError.Bad("ddof");
        var moments = Moment.Of<ToSecond>(x, nan);
        return moments.Failed || moments.Value.Count > ddof ? moments : KernelError.TooFew(ddof + 1, moments.Value.Count);
    }

    static Outcome<double> Bounded(double value, in Moments of) =>
        double.IsInfinity(value) && double.IsFinite(of.Squares) ? new Outcome<double>(value, KernelError.Overflow) : value;
}
