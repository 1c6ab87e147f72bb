using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Analysis.Kernels;
using static Pipeline.Processors.Analysis.Native.NativeParameters;

namespace Pipeline.Processors.Analysis.Native;

/// <summary>Order statistics, histograms, and values far from the rest.</summary>
static class OrderAlgorithms
{
    const int PercentilesMax = 10_000, BinsMax = 100_000;

    public const string Selected = "O(n) expected, at most O(n log n)";

    const string Ranked = "Hyndman and Fan 1996 (R-1 to R-9), by Floyd and Rivest 1975";

    static readonly AlgorithmCost Selection = new(0.01, 0.005);

    static readonly Parameter Scale = new("scale", ParameterType.Number, $"Factor; {Kernels.Median.NormalScale} estimates the standard deviation of a normal distribution.", 1.0) { ExclusiveMinimum = 0 };

    public static IEnumerable<NativeAlgorithm> All =>
    [
        new("median", "1.0", "The middle value, or halfway between the two middle ones.", "Floyd and Rivest 1975; below 8,192 values Hoare 1961", Selected, new ParameterSet(Nan), Selection, Series, c => Scalar(c, x => Kernels.Median.Of(x, c.Nan))),
        new("mad", "1.0", "Median absolute deviation from the median.", "Hampel 1974, by Floyd and Rivest 1975", Selected, new ParameterSet(Nan, Scale), Selection, Series, c => Scalar(c, x => Kernels.Median.AbsoluteDeviation(x, c.Arguments.Number("scale"), c.Nan))),
        new("iqr", "1.0", "Distance between the quartiles.", Ranked, Selected, new ParameterSet(Nan, Method), Selection, Series, c => Scalar(c, x => Quantiles.Iqr(x, c.Method, c.Nan))),
        new("percentile", "1.0", "One percentile of a series.", Ranked, Selected,
            new ParameterSet(Nan, Method, new Parameter("q", ParameterType.Number, "Which percentile.", 50.0) { Minimum = 0, Maximum = 100 }), Selection, Series,
            c => Scalar(c, x => Quantiles.Of(x, c.Arguments.Number("q") / 100, c.Method, c.Nan))),
        new("percentiles", "1.0", "Several percentiles of a series, in one reading.", Ranked, "O(n + (n + p) log p) expected for p percentiles, at most O((n + p) log (n + p))",
            new ParameterSet(Nan, Method, new Parameter("q", ParameterType.Numbers, $"Which percentiles, at most {PercentilesMax}.", (double[])[5, 25, 50, 75, 95]) { Minimum = 0, Maximum = 100 }), Selection, Series, Percentiles),
        new("histogram", "1.0", "Counts in bins of equal width; a bin holds its lower edge, the last one its upper edge too.", "numpy.histogram (Harris et al. 2020)", "O(n + b), b bins",
            new ParameterSet(Nan, new Parameter("bins", ParameterType.Integer, "Number of bins.", 10) { Minimum = 1, Maximum = BinsMax },
                new Parameter("range", ParameterType.Numbers, "Lower and upper edge of all bins; left out: the extremes of the values.")), new(0.01, 0.005), Series, Bins),
        new("anomalies", "1.0", "Values far from the rest: more than threshold standard deviations from the mean (zscore), scaled median absolute deviations from the median (mad), or interquartile ranges beyond the quartiles (iqr).",
            "Iglewicz and Hoaglin 1993 (zscore, mad); Tukey 1977 (iqr)", "O(n) by zscore; O(n) expected by mad and iqr, at most O(n log n)",
            new ParameterSet(Nan, Method with { Name = "quantile_method" }, Ddof, new Parameter("method", ParameterType.Text, "Which rule.", "mad") { Choices = ["zscore", "mad", "iqr"] },
                new Parameter("threshold", ParameterType.Number, "Default: 3 for zscore, 3.5 for mad (Iglewicz and Hoaglin 1993), 1.5 for iqr (Tukey 1977).") { ExclusiveMinimum = 0 }), new(0.02, 0.01), Series, Anomalous),
    ];

    static void Scalar(NativeCall call, Func<ReadOnlySpan<double>, Outcome<double>> kernel)
    {
        var x = call.Series();
        call.Write("value", call.Check(kernel(x)));
        call.Write("n", x.Length);
    }

    static void Percentiles(NativeCall call)
    {
        var x = call.Series();
        var q = call.Arguments.Numbers("q");
        if (q.Length > PercentilesMax)
            throw NativeCall.Fault(AnalysisFaultCode.TooLarge, $"More than {PercentilesMax} percentiles.", "/parameters/q");
        var results = new double[q.Length];
        call.Check(Quantiles.Of(x, Array.ConvertAll(q, p => p / 100), call.Method, call.Nan, results));
        call.Write("q", q);
        call.Write("values", results);
        call.Write("n", x.Length);
    }

    static void Bins(NativeCall call)
    {
        var x = call.Series();
        (double, double)? range = null;
        if (call.Arguments.NumbersOrNone("range") is { } given)
            range = given is [var low, var high] && low < high ? (low, high) : throw NativeCall.Fault(AnalysisFaultCode.InvalidParameters, "range must be two numbers, the lower first.", "/parameters/range");
        var counts = new long[call.Arguments.Integer("bins")];
        var edges = new double[counts.Length + 1];
        call.Check(Histogram.Of(x, range, call.Nan, counts, edges));
        call.Write("counts", counts);
        call.Write("edges", edges);
        call.Write("n", x.Length);
    }

    static void Anomalous(NativeCall call)
    {
        var x = call.Series();
        var threshold = call.Arguments.NumberOrNone("threshold");
        var fences = call.Check(call.Arguments.Text("method") switch
        {
            "zscore" => Anomalies.ByScore(x, threshold ?? 3, call.Arguments.Integer("ddof"), call.Nan),
            "iqr" => Anomalies.ByQuartiles(x, threshold ?? 1.5, (QuantileMethod)(Array.IndexOf(Methods, call.Arguments.Text("quantile_method")) + (int)QuantileMethod.R1), call.Nan),
            _ => Anomalies.ByMedian(x, threshold ?? 3.5, call.Nan),
        });
        var indexes = new int[Anomalies.Beyond(x, fences, [])];
        Anomalies.Beyond(x, fences, indexes);
        var values = new double[indexes.Length];
        for (var i = 0; i < indexes.Length; i++)
            values[i] = x[indexes[i]];
        call.Write("indexes", Array.ConvertAll(indexes, i => (long)i));
        call.Write("values", values);
        call.Write("scores", Array.ConvertAll(values, fences.Score));
        call.Write("low", fences.Low);
        call.Write("high", fences.High);
        call.Write("n", x.Length);
    }
}
