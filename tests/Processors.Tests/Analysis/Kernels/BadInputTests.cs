using Pipeline.Processors.Analysis.Kernels;

namespace Pipeline.Processors.Tests.Analysis.Kernels;

public sealed class BadInputTests
{
    static readonly double[] Huge = [1e308, 1.5e308, 1e308];

    [Fact]
    public void Nothing_is_empty_and_too_few_says_how_many()
    {
        Assert.Equal(KernelFault.Empty, Sum.Of([], NanPolicy.Propagate).Error.Fault);
        Assert.Equal(KernelFault.Empty, Median.Of([double.NaN], NanPolicy.Omit).Error.Fault);
        Assert.Equal(KernelFault.Empty, Summary.Of([], 1, true, NanPolicy.Raise).Error.Fault);
        Assert.Equal(KernelError.TooFew(2, 1), Variance.Of([1], 1, NanPolicy.Propagate).Error);
        Assert.Equal("3 values are needed, there are 2", Shape.Skewness([1, 2], false, NanPolicy.Propagate).Error.Message);
        Assert.Equal(KernelError.TooFew(5, 3), Rolling.Mean([1, 2, 3], 5, NanPolicy.Propagate, new double[3]).Error);
        Assert.Equal(KernelError.TooFew(4, 3), Autocorrelation.Of([1, 2, 3], 3, NanPolicy.Propagate).Error);
        Assert.Equal(KernelError.TooFew(2, 1), LinearRegression.Of([new double[] { 1 }], [1], true, NanPolicy.Propagate, new double[2], new double[2], CancellationToken.None).Error);
    }

    [Fact]
    public void Columns_and_matrices_that_do_not_fit_say_their_sizes()
    {
        Assert.Equal(new KernelError(KernelFault.RaggedColumns, 2, 3), Correlation.Of([1, 2], [1, 2, 3], NanPolicy.Propagate).Error);
        Assert.Equal(KernelFault.RaggedColumns, Correlation.Matrix([new double[2], new double[3]], NanPolicy.Propagate, new double[4], CancellationToken.None).Fault);
        Assert.Equal(KernelFault.RaggedColumns, LinearRegression.Of([new double[2]], [1, 2, 3], true, NanPolicy.Propagate, new double[2], new double[2], CancellationToken.None).Error.Fault);
        var error = MatrixProduct.Of(new double[6], new double[8], 2, 3, 4, 2, NanPolicy.Propagate, new double[4], CancellationToken.None);
        Assert.Equal("the matrices do not fit: 3 columns on the left, 4 rows on the right", error.Message);
    }

    [Fact]
    public void A_dependent_column_is_named()
    {
        double[] y = [1, 2, 3, 5, 8], a = [1, 2, 3, 4, 6], twice = [.. a.Select(v => 2 * v)];
        var error = LinearRegression.Of([a, twice], y, true, NanPolicy.Propagate, new double[3], new double[3], CancellationToken.None).Error;
        Assert.Equal((KernelFault.RankDeficient, 1), (error.Fault, error.Got));
        Assert.Equal(KernelFault.RankDeficient, LinearRegression.Of([new double[5]], y, true, NanPolicy.Propagate, new double[2], new double[2], CancellationToken.None).Error.Fault);
    }

    [Fact]
    public void A_result_beyond_doubles_is_an_overflow_and_one_on_the_way_is_not()
    {
        Assert.Equal(new Outcome<double>(double.PositiveInfinity, KernelError.Overflow), Sum.Of(Huge, NanPolicy.Propagate));
        Assert.Equal(1e308, Sum.Of([1e308, 1e308, -1e308], NanPolicy.Raise).Value);
        Assert.Equal(1.1666666666666667e308, Mean.Of(Huge, NanPolicy.Raise).Value, 1e293);
        Assert.Equal(KernelFault.Overflow, Variance.Of(Huge, 1, NanPolicy.Raise).Error.Fault);
        Assert.Equal(2.886751345948129e307, Variance.Deviation(Huge, 1, NanPolicy.Raise).Value, 1e293);
        Assert.Equal(1e308, Median.Of([1e308, 1e308], NanPolicy.Raise).Value);
        // From 1e308 the distances are 0, 0, 2e308 and ∞.
        Assert.Equal(1e308, Median.AbsoluteDeviation([-1e308, 1e308, 1e308, double.PositiveInfinity], 1, NanPolicy.Omit).Value);
        Assert.Equal(KernelFault.Overflow, Median.AbsoluteDeviation([-1.7e308, 0, 1.7e308], 3, NanPolicy.Raise).Error.Fault);
        Assert.Equal(KernelFault.Overflow, Quantiles.Iqr([-1.7e308, -1.7e308, 1.7e308, 1.7e308], QuantileMethod.R7, NanPolicy.Raise).Error.Fault);
        Assert.Equal(KernelFault.Overflow, Histogram.Of([-1.7e308, 1.7e308], null, NanPolicy.Raise, new long[2], new double[3]).Fault);
        var results = new double[2];
        Rolling.Mean(Huge, 2, NanPolicy.Raise, results);
        Assert.Equal(1.25e308, results[1]);
        Assert.Equal(1, Correlation.Of(Huge, [1e-308, 1.5e-308, 1e-308], NanPolicy.Raise).Value, 1e-14);
    }

    [Fact]
    public void Raise_names_the_first_that_is_no_finite_number()
    {
        double[] x = [1, 2, double.NegativeInfinity, double.NaN];
        KernelError[] errors =
        [
            Sum.Of(x, NanPolicy.Raise).Error, Mean.Of(x, NanPolicy.Raise).Error, Variance.Of(x, 1, NanPolicy.Raise).Error, Summary.Of(x, 1, true, NanPolicy.Raise).Error,
            Extremes.Min(x, NanPolicy.Raise).Error, Extremes.Max(x, NanPolicy.Raise).Error, Median.Of(x, NanPolicy.Raise).Error, Quantiles.Of(x, 0.5, QuantileMethod.R7, NanPolicy.Raise).Error,
            Median.AbsoluteDeviation(x, 1, NanPolicy.Raise).Error, Histogram.Of(x, null, NanPolicy.Raise, new long[2], new double[3]), Correlation.Of(x, x, NanPolicy.Raise).Error,
            Autocorrelation.Of(x, 1, NanPolicy.Raise).Error, Ewma.Of(x, 0.5, true, NanPolicy.Raise, new double[4]), Rolling.Median(x, 2, NanPolicy.Raise, new double[3], CancellationToken.None).Error,
            Anomalies.ByScore(x, 3, 0, NanPolicy.Raise).Error, Anomalies.ByMedian(x, 3, NanPolicy.Raise).Error, Anomalies.ByQuartiles(x, 3, QuantileMethod.R7, NanPolicy.Raise).Error,
            LinearRegression.Of([new double[] { 1, 2, 3, 5 }], x, true, NanPolicy.Raise, new double[2], new double[2], CancellationToken.None).Error,
            MatrixProduct.Of([1, 2, 3, 4], x, 2, 2, 2, 2, NanPolicy.Raise, new double[4], CancellationToken.None),
        ];
        Assert.All(errors, e => Assert.Equal(KernelError.NotFinite(2), e));
        Assert.Equal("the value at index 2 is not a finite number", errors[0].Message);
    }

    [Fact]
    public void Parameters_out_of_range_are_named()
    {
        double[] x = [1, 2, 3];
        Assert.Equal(KernelError.Bad("p"), Quantiles.Of(x, 1.5, QuantileMethod.R7, NanPolicy.Raise).Error);
        Assert.Equal(KernelError.Bad("p"), Quantiles.Of(x, double.NaN, QuantileMethod.R7, NanPolicy.Raise).Error);
        Assert.Equal(KernelError.Bad("method"), Quantiles.Of(x, 0.5, 0, NanPolicy.Raise).Error);
        Assert.Equal(KernelError.Bad("ddof"), Variance.Of(x, -1, NanPolicy.Raise).Error);
        Assert.Equal(KernelError.Bad("alpha"), Ewma.Of(x, 0, true, NanPolicy.Raise, new double[3]));
        Assert.Equal(KernelError.Bad("window"), Rolling.Mean(x, 0, NanPolicy.Raise, new double[4]).Error);
        Assert.Equal(KernelError.Bad("lag"), Autocorrelation.Of(x, -1, NanPolicy.Raise).Error);
        Assert.Equal(KernelError.Bad("bins"), Histogram.Of(x, null, NanPolicy.Raise, [], new double[1]));
        Assert.Equal(KernelError.Bad("range"), Histogram.Of(x, (2, 1), NanPolicy.Raise, new long[1], new double[2]));
        Assert.Equal("parameter threshold is out of its range", Anomalies.ByScore(x, 0, 0, NanPolicy.Raise).Error.Message);
    }

    [Fact]
    public void Small_inputs_allocate_nothing()
    {
        double[] x = [.. Enumerable.Range(0, 20_000).Select(i => (double)(i * 7919 % 10_007))], results = new double[20_000];
        void All()
        {
            Sum.Of(x, NanPolicy.Propagate);
            Summary.Of(x, 1, true, NanPolicy.Propagate);
            Variance.Deviation(x, 1, NanPolicy.Omit);
            Median.Of(x, NanPolicy.Raise);
            Quantiles.Iqr(x, QuantileMethod.R7, NanPolicy.Propagate);
            Correlation.Of(x, x, NanPolicy.Propagate);
            Autocorrelation.Of(x, 1, NanPolicy.Propagate, results.AsSpan(0, 10), CancellationToken.None);
            Rolling.Deviation(x, 100, 1, NanPolicy.Propagate, results);
        }
        All();
        All();
        var before = GC.GetAllocatedBytesForCurrentThread();
        All();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
