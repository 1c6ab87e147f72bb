using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Analysis.Kernels;
using static Pipeline.Processors.Analysis.Native.NativeParameters;

namespace Pipeline.Processors.Analysis.Native;

/// <summary>What depends on the order of a series' values.</summary>
static class SeriesAlgorithms
{
    public static IEnumerable<NativeAlgorithm> All =>
    [
        new("autocorrelation", "1.0", "Correlation of a series with itself, shifted by each lag; null where nothing varies.", "Box and Jenkins 1970", "O(n · lags)",
            new ParameterSet(Nan, new Parameter("lags", ParameterType.Integer, "The largest lag; left out: 40, or one less than there are values.") { Minimum = 1, Maximum = 10_000 }), new(0.02, 0.05), Series, Autocorrelated),
        new("ewma", "1.0", "Exponentially weighted moving average; give one of alpha, span, com, halflife.", "Roberts 1959; adjust and what missing values do: pandas' ewm(ignore_na=True)", "O(n)",
            new ParameterSet(Nan, new Parameter("alpha", ParameterType.Number, "Weight of the newest value.") { ExclusiveMinimum = 0, Maximum = 1 },
                new Parameter("span", ParameterType.Number, "alpha = 2 / (span + 1).") { Minimum = 1 }, new Parameter("com", ParameterType.Number, "alpha = 1 / (1 + com).") { Minimum = 0 },
                new Parameter("halflife", ParameterType.Number, "After so many values a weight has halved.") { ExclusiveMinimum = 0 },
                new Parameter("adjust", ParameterType.Boolean, "Weights as if the series had begun with its first value.", true)), new(0.02, 0.05), Series, Weighted),
        new("rolling", "1.0", "A statistic of every window of neighbours, one result for each full window.",
            "van Herk 1992; Gil and Werman 1993; median: binary insertion (Knuth, TAOCP 3, 5.2.1)", "O(n); median O(n · w), w values in a window",
            new ParameterSet(Nan, Ddof, new Parameter("window", ParameterType.Integer, "Values in a window.") { IsRequired = true, Minimum = 1 },
                new Parameter("statistic", ParameterType.Text, "Which one.", "mean") { Choices = ["mean", "std", "min", "max", "median"] }), new(0.02, 0.08), Series, Rolled),
    ];

    static void Autocorrelated(NativeCall call)
    {
        var x = call.Series();
        var lags = call.Arguments.NumberOrNone("lags") is { } given ? (int)given : Math.Min(40, x.Length - 1);
        if (lags < 1 || lags >= x.Length)
            throw NativeCall.Fault(AnalysisFaultCode.TooFewValues, $"A lag of {Math.Max(1, lags)} needs more values than that; there are {x.Length}.");
        var results = new double[lags];
        call.Check(Autocorrelation.Of(x, 1, call.Nan, results, call.Cancel));
        call.Write("values", results);
        call.Write("n", x.Length);
    }

    static void Weighted(NativeCall call)
    {
        var x = call.Series();
        var results = new double[x.Length];
        call.Check(Ewma.Of(x, Alpha(call.Arguments), call.Arguments.Flag("adjust"), call.Nan, results));
        call.Write("values", results);
        call.Write("n", x.Length);
    }

    static double Alpha(Arguments arguments)
    {
        double?[] given = [arguments.NumberOrNone("alpha"), arguments.NumberOrNone("span"), arguments.NumberOrNone("com"), arguments.NumberOrNone("halflife")];
        if (given.Count(g => g is not null) != 1)
            throw NativeCall.Fault(AnalysisFaultCode.InvalidParameters, "One of alpha, span, com, halflife is wanted.", "/parameters");
        return given switch
        {
            [{ } alpha, ..] => alpha,
            [_, { } span, ..] => Ewma.AlphaOfSpan(span),
            [_, _, { } center, _] => Ewma.AlphaOfCenterOfMass(center),
            _ => Ewma.AlphaOfHalfLife(given[3]!.Value),
        };
    }

    static void Rolled(NativeCall call)
    {
        var x = call.Series();
        var window = call.Arguments.Integer("window");
        var results = new double[x.Length];
        var count = call.Check(call.Arguments.Text("statistic") switch
        {
            "std" => Rolling.Deviation(x, window, call.Arguments.Integer("ddof"), call.Nan, results),
            "min" => Rolling.Min(x, window, call.Nan, results),
            "max" => Rolling.Max(x, window, call.Nan, results),
            "median" => Rolling.Median(x, window, call.Nan, results, call.Cancel),
            _ => Rolling.Mean(x, window, call.Nan, results),
        });
        call.Write("values", results.AsSpan(0, count));
        call.Write("n", x.Length);
    }
}
