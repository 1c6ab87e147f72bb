using Pipeline.Processors.Analysis.Kernels;

namespace Pipeline.Processors.Tests.Analysis.Kernels;

/// <summary>Every kernel on one series, its figures in a row.</summary>
static class Everything
{
    public static IEnumerable<double> Of(double[] x, NanPolicy nan)
    {
        var window = 1 + (x.Length / 3);
        double[] many = new double[x.Length + 1], y = [.. x.Reverse()];
        yield return Sum.Of(x, nan).Value;
        yield return Mean.Of(x, nan).Value;
        yield return Variance.Of(x, 1, nan).Value;
        yield return Variance.Deviation(x, 0, nan).Value;
        yield return Extremes.Min(x, nan).Value;
        yield return Extremes.Max(x, nan).Value;
        yield return Shape.Skewness(x, false, nan).Value;
        yield return Shape.Kurtosis(x, true, nan).Value;
        var s = Summary.Of(x, 1, true, nan).Value;
        foreach (var figure in new[] { s.Count, s.Min, s.Max, s.Mean, s.Deviation, s.Skewness, s.Kurtosis })
            yield return figure;
        yield return Median.Of(x, nan).Value;
        yield return Median.AbsoluteDeviation(x, Median.NormalScale, nan).Value;
        for (var method = QuantileMethod.R1; method <= QuantileMethod.R9; method++)
            foreach (var p in new[] { 0, 0.05, 0.25, 0.5, 0.75, 0.999, 1 })
                yield return Quantiles.Of(x, p, method, nan).Value;
        yield return Correlation.Of(x, y, nan).Value;
        yield return (double)Autocorrelation.Of(x, 0, nan, many.AsSpan(0, Math.Min(19, x.Length)), CancellationToken.None).Fault;
        foreach (var figure in many.AsSpan(0, Math.Min(19, x.Length)).ToArray())
            yield return figure;
        yield return (double)Ewma.Of(x, 0.3, true, nan, many).Fault;
        foreach (var rolling in new[] { Rolling.Mean(x, window, nan, many), Rolling.Deviation(x, window + 1, 1, nan, many), Rolling.Min(x, window, nan, many), Rolling.Max(x, window, nan, many) })
            yield return rolling.Value;
        foreach (var fences in new[] { Anomalies.ByScore(x, 3, 1, nan), Anomalies.ByMedian(x, 3.5, nan), Anomalies.ByQuartiles(x, 1.5, QuantileMethod.R7, nan) })
            yield return Anomalies.Beyond(x, fences.Value, []) + fences.Value.High;
        var (coefficients, errors) = (new double[2], new double[2]);
        yield return LinearRegression.Of([y], x, true, nan, coefficients, errors, CancellationToken.None).Value.RSquared;
        yield return coefficients[1] + errors[0];
        var side = (int)Math.Sqrt(x.Length);
        if (side > 0)
        {
            var product = new double[side * side];
            MatrixProduct.Of(x.AsSpan(0, side * side), y.AsSpan(0, side * side), side, side, side, side, NanPolicy.Propagate, product, CancellationToken.None);
            foreach (var cell in product)
                yield return cell;
        }
    }
}
