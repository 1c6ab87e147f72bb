namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>What <see cref="Summary"/> says of a series. The deviation is NaN below ddof + 1 values, the last two where nothing varies.</summary>
readonly record struct SummaryFigures(long Count, double Min, double Max, double Mean, double Deviation, double Skewness, double Kurtosis);

/// <summary>Seven figures in one reading of the memory. An extreme that is zero is either zero: <see cref="Extremes"/> tells them apart, for which this would read everything again.</summary>
static class Summary
{
    public static Outcome<SummaryFigures> Of(ReadOnlySpan<double> x, int ddof, bool bias, NanPolicy nan)
    {
        if (ddof < 0)
            return KernelError.Bad("ddof");
        var moments = Moment.Of<ToFourth>(x, nan);
        if (moments.Failed)
            return moments.Error;
        var m = moments.Value;
        return new SummaryFigures(m.Count, m.Min, m.Max, m.Average, m.Count > ddof ? m.Deviation(ddof) : double.NaN, m.Skewness(bias), m.Kurtosis(bias));
    }
}
