using Pipeline.Processors.Analysis.Kernels;
using static Pipeline.Processors.Analysis.Native.NativeParameters;

namespace Pipeline.Processors.Analysis.Native;

/// <summary>Sums, moments and extremes: one number of one series, shape (n), in O(n).</summary>
static class MomentAlgorithms
{
    const string Merged = "Chan, Golub and LeVeque 1983; Pébay 2008", Carried = "Ogita, Rump and Oishi 2005";

    static readonly AlgorithmCost OnePass = new(0.01, 0.001);

    public static IEnumerable<NativeAlgorithm> All =>
    [
        Of("sum", "Sum, each addition's error carried along.", Carried, [], (x, c) => Sum.Of(x, c.Nan)),
        Of("mean", "Arithmetic mean.", Carried, [], (x, c) => Mean.Of(x, c.Nan)),
        Of("variance", "Variance, divided by n - ddof.", Merged, [Ddof], (x, c) => Variance.Of(x, c.Arguments.Integer("ddof"), c.Nan)),
        Of("std", "Standard deviation, the root of the variance.", Merged, [Ddof], (x, c) => Variance.Deviation(x, c.Arguments.Integer("ddof"), c.Nan)),
        Of("min", "Least value, -0 below 0.", "IEEE 754-2019, minimum", [], (x, c) => Extremes.Min(x, c.Nan)),
        Of("max", "Greatest value, 0 above -0.", "IEEE 754-2019, maximum", [], (x, c) => Extremes.Max(x, c.Nan)),
        Of("skewness", "Skewness; null where nothing varies.", $"Joanes and Gill 1998 (g1; without bias G1); {Merged}", [Bias], (x, c) => Shape.Skewness(x, c.Arguments.Flag("bias"), c.Nan)),
        Of("kurtosis", "Excess kurtosis, 0 for a normal distribution; null where nothing varies.", $"Joanes and Gill 1998 (g2; without bias G2); {Merged}", [Bias], (x, c) => Shape.Kurtosis(x, c.Arguments.Flag("bias"), c.Nan)),
        new("summary", "1.0", "Count, extremes, mean, standard deviation, skewness, kurtosis and quartiles of one series.",
            $"{Merged}; quartiles Hyndman and Fan 1996 by Floyd and Rivest 1975", OrderAlgorithms.Selected, new ParameterSet(Nan, Ddof, Bias, Method), new(0.02, 0.01), Series, Summarise),
    ];

    static NativeAlgorithm Of(string name, string summary, string source, Parameter[] parameters, Func<ReadOnlySpan<double>, NativeCall, Outcome<double>> kernel) =>
        new(name, "1.0", summary, source, "O(n)", new ParameterSet([Nan, .. parameters]), OnePass, Series, call =>
        {
            var x = call.Series();
            call.Write("value", call.Check(kernel(x, call)));
            call.Write("n", x.Length);
        });

    static void Summarise(NativeCall call)
    {
        var x = call.Series();
        var figures = call.Check(Summary.Of(x, call.Arguments.Integer("ddof"), call.Arguments.Flag("bias"), call.Nan));
        Span<double> quartiles = stackalloc double[3];
        call.Check(Quantiles.Of(x, [0.25, 0.5, 0.75], call.Method, call.Nan, quartiles));
        call.Write("count", figures.Count);
        call.Write("min", figures.Min);
        call.Write("q1", quartiles[0]);
        call.Write("median", quartiles[1]);
        call.Write("q3", quartiles[2]);
        call.Write("max", figures.Max);
        call.Write("mean", figures.Mean);
        call.Write("std", figures.Deviation);
        call.Write("skewness", figures.Skewness);
        call.Write("kurtosis", figures.Kurtosis);
    }
}
