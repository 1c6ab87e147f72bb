using Pipeline.Processors.Analysis.Kernels;

namespace Pipeline.Processors.Tests.Analysis.Kernels;

/// <summary>What the kernels say by their definitions, written out plainly here, and what must not change a result.</summary>
public sealed class KernelTests
{
    static double[] Random(int seed, int count)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (random.NextDouble() * 10) - 3)];
    }

    /// <summary>Equal by comparison; which one is left must not depend on where they stand, nor on the cores.</summary>
    [Fact]
    public void The_least_of_both_zeros_is_the_negative_one_and_the_greatest_the_positive_one()
    {
        var random = new Random(5);
        foreach (var length in (int[])[2, 7, 8, 9, 16, 17, 40, 1000, 40_000, 200_000])
        {
            double[] positive = [.. Enumerable.Range(0, length).Select(_ => random.Next(3) * 1.5)], negative = [.. positive.Select(v => -v)];
            negative[random.Next(length)] = -0.0;
            positive[random.Next(length)] = 0.0;
            Zero(0.0, Extremes.Min(positive, NanPolicy.Propagate).Value);
            Zero(-0.0, Extremes.Max(negative, NanPolicy.Propagate).Value);
            positive[random.Next(length)] = -0.0;
            negative[random.Next(length)] = 0.0;
            Zero(-0.0, Extremes.Min(positive, NanPolicy.Propagate).Value);
            Zero(0.0, Extremes.Max(negative, NanPolicy.Propagate).Value);
            var strange = random.Next(length);
            positive[strange] = double.NaN;
            Assert.True(double.IsNaN(Extremes.Min(positive, NanPolicy.Propagate).Value));
            positive[(strange + 1) % length] = double.NegativeInfinity;
            Assert.Equal(double.NegativeInfinity, Extremes.Min(positive, NanPolicy.Omit).Value);
        }

        static void Zero(double expected, double actual) => Assert.Equal(BitConverter.DoubleToInt64Bits(expected), BitConverter.DoubleToInt64Bits(actual));
    }

    [Fact]
    public void What_is_omitted_might_as_well_not_have_come()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var x = Series.Of(seed, 500);
            for (var i = seed % 7; i < x.Length; i += 5)
                x[i] = double.NaN;
            double[] kept = [.. x.Where(v => !double.IsNaN(v))];
            Assert.Equal(Sum.Of(kept, NanPolicy.Propagate), Sum.Of(x, NanPolicy.Omit));
            Assert.Equal(Summary.Of(kept, 1, true, NanPolicy.Propagate), Summary.Of(x, 1, true, NanPolicy.Omit));
            Assert.Equal(Variance.Of(kept, 0, NanPolicy.Propagate), Variance.Of(x, 0, NanPolicy.Omit));
            Assert.Equal(Median.AbsoluteDeviation(kept, 1, NanPolicy.Propagate), Median.AbsoluteDeviation(x, 1, NanPolicy.Omit));
            Assert.Equal(Quantiles.Of(kept, 0.3, QuantileMethod.R8, NanPolicy.Propagate), Quantiles.Of(x, 0.3, QuantileMethod.R8, NanPolicy.Omit));
            Assert.Equal(Autocorrelation.Of(kept, 0, NanPolicy.Propagate), Autocorrelation.Of(x, 0, NanPolicy.Omit));
            Assert.Equal(Extremes.Min(kept, NanPolicy.Propagate), Extremes.Min(x, NanPolicy.Omit));
            Assert.Equal(double.NaN, Sum.Of(x, NanPolicy.Propagate).Value + (seed % 7 < x.Length ? 0 : double.NaN));
        }
    }

    [Fact]
    public void Infinities_add_up_as_IEEE_754_has_it()
    {
        Assert.Equal(double.PositiveInfinity, Mean.Of([1, double.PositiveInfinity], NanPolicy.Propagate).Value);
        Assert.Equal(double.NaN, Sum.Of([double.NegativeInfinity, double.PositiveInfinity], NanPolicy.Omit).Value);
        var summary = Summary.Of([1, double.NegativeInfinity, 3], 1, true, NanPolicy.Propagate).Value;
        Assert.Equal((double.NegativeInfinity, double.NegativeInfinity, 3.0, double.NaN), (summary.Mean, summary.Min, summary.Max, summary.Deviation));
    }

    [Fact]
    public void A_sum_is_exact_where_doubles_could_hold_it_and_does_not_depend_on_order()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var x = Random(seed, 1000).Select((v, i) => v * Math.Pow(2, i % 60)).ToArray();
            var exact = Rational.Sum(x.Select(Rational.Of)).Nearest();
            new Random(seed).Shuffle(x);
            Assert.Equal(exact, Sum.Of(x, NanPolicy.Raise).Value);
        }
        Assert.Equal(2, Sum.Of([1, 1e100, 1, -1e100], NanPolicy.Raise).Value);
    }

    [Fact]
    public void Constants_have_no_variation_at_all()
    {
        foreach (var (value, count) in new[] { (0.1, 10), (1e8 / 3, 5000), (-1e-300, 7), (1e300, 70_000), (3.3, 200_001) })
        {
            var x = new double[count];
            Array.Fill(x, value);
            var summary = Summary.Of(x, 1, true, NanPolicy.Raise).Value;
            Assert.Equal((value, 0.0, double.NaN, double.NaN), (summary.Mean, summary.Deviation, summary.Skewness, summary.Kurtosis));
            Assert.Equal(0, Variance.Of(x, 0, NanPolicy.Raise).Value);
            Assert.Equal(double.NaN, Autocorrelation.Of(x, 1, NanPolicy.Raise).Value);
            Assert.Equal(double.NaN, Correlation.Of(x, Random(1, count), NanPolicy.Raise).Value);
            Assert.Equal(0, Anomalies.Beyond(x, Anomalies.ByScore(x, 3, 1, NanPolicy.Raise).Value, []));
        }
    }

    [Fact]
    public void A_power_of_two_scales_deviations_and_leaves_shapes()
    {
        var x = Random(4, 3333);
        foreach (var power in new[] { -1000, -500, -70, 70, 500, 1000 })
        {
            double[] scaled = [.. x.Select(v => Math.ScaleB(v, power))];
            Assert.Equal(Math.ScaleB(Variance.Deviation(x, 1, NanPolicy.Raise).Value, power), Variance.Deviation(scaled, 1, NanPolicy.Raise).Value);
            Assert.Equal(Shape.Kurtosis(x, false, NanPolicy.Raise).Value, Shape.Kurtosis(scaled, false, NanPolicy.Raise).Value);
            Assert.Equal(Autocorrelation.Of(x, 3, NanPolicy.Raise).Value, Autocorrelation.Of(scaled, 3, NanPolicy.Raise).Value, 1e-15);
        }
    }

    [Fact]
    public void Autocorrelation_of_every_lag_is_what_its_definition_says()
    {
        foreach (var n in new[] { 1, 2, 9, 300, 5001, 140_000 })
        {
            var x = Random(n, n);
            var lags = Math.Min(n, 21);
            var results = new double[lags];
            Autocorrelation.Of(x, n > 100 ? 3 : 0, NanPolicy.Raise, results, CancellationToken.None);
            double mean = x.Average(), squares = x.Sum(v => (v - mean) * (v - mean));
            for (var i = 0; n > 1 && i < lags; i++)
            {
                var lag = i + (n > 100 ? 3 : 0);
                Assert.Equal(x.Zip(x.Skip(lag), (a, b) => (a - mean) * (b - mean)).Sum() / squares, results[i], 1e-11);
            }
        }
    }

    [Fact]
    public void The_matrix_of_correlations_is_that_of_its_pairs()
    {
        ReadOnlyMemory<double>[] columns = [Random(1, 700), Random(2, 700), Random(1, 700).Select(v => -v).ToArray(), new double[700]];
        var matrix = new double[16];
        Assert.Equal(KernelError.None, Correlation.Matrix(columns, NanPolicy.Raise, matrix, CancellationToken.None));
        for (var i = 0; i < 4; i++)
            for (var j = 0; j < 4; j++)
                Assert.Equal(i == j ? i == 3 ? double.NaN : 1 : Correlation.Of(columns[i].Span, columns[j].Span, NanPolicy.Raise).Value, matrix[(4 * i) + j], 1e-14);
        Assert.Equal(-1, matrix[2], 1e-14);
    }

    [Fact]
    public void Rolling_figures_are_those_of_each_window_alone()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var x = Random(seed, 1 + (seed * 3));
            x[seed] = seed % 3 == 0 ? double.NaN : 1e15;
            var window = 1 + (seed % x.Length);
            double[] mean = new double[x.Length], sd = new double[x.Length], min = new double[x.Length], max = new double[x.Length], median = new double[x.Length];
            var count = Rolling.Mean(x, window, NanPolicy.Propagate, mean).Value;
            Assert.Equal(x.Length - window + 1, count);
            Rolling.Deviation(x, window, 0, NanPolicy.Propagate, sd);
            Rolling.Min(x, window, NanPolicy.Propagate, min);
            Rolling.Max(x, window, NanPolicy.Propagate, max);
            Rolling.Median(x, window, NanPolicy.Propagate, median, CancellationToken.None);
            for (var i = 0; i < count; i++)
            {
                var one = x.AsSpan(i, window);
                Near(Mean.Of(one, NanPolicy.Propagate).Value, mean[i], 1e-15);
                Near(Variance.Deviation(one, 0, NanPolicy.Propagate).Value, sd[i], 1e-13);
                Assert.Equal(Extremes.Min(one, NanPolicy.Propagate).Value, min[i]);
                Assert.Equal(Extremes.Max(one, NanPolicy.Propagate).Value, max[i]);
                Assert.Equal(Median.Of(one, NanPolicy.Propagate).Value, median[i]);
            }
        }
    }

    static void Near(double expected, double actual, double relative)
    {
        if (double.IsNaN(expected) || expected == 0)
            Assert.Equal(expected, actual);
        else
            Assert.InRange(actual / expected, 1 - relative, 1 + relative);
    }

    [Fact]
    public void Weighted_averages_are_pandas()
    {
        double[] x = [1, 2, double.NaN, 4], y = new double[4];
        Assert.Equal(KernelError.None, Ewma.Of(x, 0.5, true, NanPolicy.Omit, y));
        Assert.Equal([1, 5.0 / 3, 5.0 / 3, 3], y);
        Ewma.Of(x, 0.5, false, NanPolicy.Omit, y);
        Assert.Equal([1, 1.5, 1.5, 2.75], y);
        Ewma.Of(x, 0.5, false, NanPolicy.Propagate, y);
        Assert.Equal([1, 1.5, double.NaN, double.NaN], y);
        Assert.Equal((0.5, 0.5, 0.5), (Ewma.AlphaOfSpan(3), Ewma.AlphaOfCenterOfMass(1), Ewma.AlphaOfHalfLife(1)));
    }

    [Fact]
    public void A_value_lies_in_the_bin_whose_lower_edge_it_reaches()
    {
        var (counts, edges) = (new long[4], new double[5]);
        Histogram.Of([0, 1, 1, 2, 3, 4], null, NanPolicy.Raise, counts, edges);
        Assert.Equal([1, 2, 1, 2], counts);
        Assert.Equal([0, 1, 2, 3, 4], edges);
        Histogram.Of([-1, 0, 2, 5, double.PositiveInfinity], (0, 4), NanPolicy.Propagate, counts, edges);
        Assert.Equal([1, 0, 1, 0], counts);
        Histogram.Of([7, 7], null, NanPolicy.Raise, counts, edges);
        Assert.Equal((6.5, 7.5, 2), (edges[0], edges[4], counts[2]));
        Assert.Equal(KernelError.NotFinite(1), Histogram.Of([7, double.NaN], (0, 9), NanPolicy.Propagate, counts, edges));
    }

    [Fact]
    public void Each_rule_finds_the_value_that_does_not_belong()
    {
        double[] x = [.. Random(8, 50), 100, double.NaN];
        foreach (var fences in new[] { Anomalies.ByScore(x, 3, 1, NanPolicy.Omit), Anomalies.ByMedian(x, 3.5, NanPolicy.Omit), Anomalies.ByQuartiles(x, 1.5, QuantileMethod.R7, NanPolicy.Omit) })
        {
            var found = new int[4];
            Assert.Equal(1, Anomalies.Beyond(x, fences.Value, found));
            Assert.Equal(50, found[0]);
            Assert.InRange(fences.Value.Score(100), 3, 100);
        }
        Assert.Equal(1, Anomalies.Beyond([5, 5, 5, 6], Anomalies.ByMedian([5, 5, 5, 6], 3.5, NanPolicy.Raise).Value, []));
        Assert.Equal(0, Anomalies.Beyond(x, Anomalies.ByScore(x, 3, 1, NanPolicy.Propagate).Value, []));
    }

    [Theory, InlineData(1, 1, 1), InlineData(2, 2, 2), InlineData(3, 5, 7), InlineData(64, 256, 16), InlineData(65, 257, 33), InlineData(130, 300, 70)]
    public void Products_of_whole_numbers_are_exact(int rows, int inner, int columns)
    {
        double[] a = [.. Enumerable.Range(0, rows * inner).Select(i => (double)(i % 17) - 8)], b = [.. Enumerable.Range(0, inner * columns).Select(i => (double)(i % 13) - 6)];
        var c = new double[rows * columns];
        Assert.Equal(KernelError.None, MatrixProduct.Of(a, b, rows, inner, inner, columns, NanPolicy.Raise, c, CancellationToken.None));
        for (var i = 0; i < rows; i++)
            for (var j = 0; j < columns; j++)
                Assert.Equal(Enumerable.Range(0, inner).Sum(k => a[(i * inner) + k] * b[(k * columns) + j]), c[(i * columns) + j]);
    }

    [Fact]
    public void A_product_that_is_called_off_says_so() => Assert.Throws<OperationCanceledException>(() =>
        MatrixProduct.Of(new double[1], new double[1], 1, 1, 1, 1, NanPolicy.Raise, new double[1], new CancellationToken(canceled: true)));
}
