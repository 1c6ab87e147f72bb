using System.Diagnostics;
using System.Runtime.InteropServices;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis.Kernels;

namespace Pipeline.Processors.Tests.Analysis.Kernels;

/// <summary>
/// Against numpy and scipy (tests/Fixtures/kernels.py) on 10,000 random series. Order statistics, extremes and histograms must agree to the bit or to the rounding of one
/// interpolation. Figures that add up must come within 4 ulp times the condition of what is asked: Σ|x| / |Σx| for sums, √(Σx² / Σd²) (Chan and Lewis 1979) for all that
/// is made of deviations d from the mean.
/// </summary>
public sealed class NumpyTests(ITestOutputHelper output)
{
    const int Count = 10_000, Figures = 32;

    const double Ulp = 1.0 / (1L << 52);

    /// <summary>Once apart: a kurtosis beside an outlier, an autocorrelation at lag 0, a median distance beside infinities.</summary>
    const int Outlier = 1429422336, NoLag = 1942630337, Overflow = 995944993;

    static readonly int Any = int.TryParse(Environment.GetEnvironmentVariable("PIPELINE_SEED"), out var given) ? given : Random.Shared.Next();

    int Seed { get; set; }

    readonly SortedDictionary<string, double> _worst = [];

    readonly List<string> _apart = [];

    [Theory]
    [InlineData(null)]
    [InlineData(Outlier)]
    [InlineData(NoLag)]
    [InlineData(Overflow)]
    public async Task Ten_thousand_series_come_out_as_in_numpy_and_scipy(int? seed)
    {
        Seed = seed ?? Any;
        output.WriteLine($"PIPELINE_SEED={Seed}");
        if (!await RunsAsync("-c", "import numpy, scipy"))
            Assert.Skip("/usr/bin/python3 has no numpy and scipy: apt-get install python3-numpy python3-scipy");
        var parts = Math.Max(2, Environment.ProcessorCount);
        var references = await Task.WhenAll(Enumerable.Range(0, parts).Select(p => ReferenceAsync(Count * p / parts, Count * (p + 1) / parts)));
        var reference = references.SelectMany(r => r).ToArray();
        Assert.Equal(Count * Figures, reference.Length);
        for (var i = 0; i < Count; i++)
            Check(i, reference.AsSpan(i * Figures, Figures));
        foreach (var (figure, worst) in _worst)
            output.WriteLine($"{figure}: at most {worst:F2} ulp × condition");
        Assert.True(_apart.Count == 0, $"PIPELINE_SEED={Seed}, {_apart.Count} apart:\n{string.Join('\n', _apart.Take(20))}");
    }

    /// <summary>One in a hundred may be long enough for several blocks, segments and both cores.</summary>
    double[] Drawn(int index) => Series.Of(Seed + index, index % 100 == 0 ? 150_000 : 5000);

    (double P, int Bins, int Lag) Asked(int index, int length)
    {
        var random = new Random(Seed + index + 1);
        return (random.Next(5) switch { 0 => 0, 1 => 1, 2 => random.Next(101) / 100.0, _ => random.NextDouble() }, 1 + random.Next(50), random.Next(Math.Min(length, 5)));
    }

    void Check(int index, Span<double> of)
    {
        var x = Drawn(index);
        var (p, bins, lag) = Asked(index, x.Length);
        var none = NanPolicy.Propagate;
        double sumAbsolute = of[2], condition = double.IsNaN(of[3]) ? double.PositiveInfinity : of[3];
        Near(index, "sum", Sum.Of(x, none).Value, of[0], sumAbsolute);
        Near(index, "mean", Mean.Of(x, none).Value, of[1], sumAbsolute / x.Length);
        // Constants vary for numpy by what its mean was rounded; here they do not.
        if (of[8] == of[9] && double.IsFinite(of[8]))
            (of[5], of[6], of[7]) = (x.Length > 1 ? 0 : double.NaN, x.Length > 1 ? 0 : double.NaN, 0);
        Near(index, "variance", x.Length > 1 ? Variance.Of(x, 1, none).Value : double.NaN, of[5], of[5] * 2 * condition);
        Near(index, "std", x.Length > 1 ? Variance.Deviation(x, 1, none).Value : double.NaN, of[6], of[6] * condition);
        Near(index, "std of a population", Variance.Deviation(x, 0, none).Value, of[7], of[7] * condition);
        Near(index, "min", Extremes.Min(x, none).Value, of[8], 0);
        Near(index, "max", Extremes.Max(x, none).Value, of[9], 0);
        Near(index, "median", Median.Of(x, none).Value, of[10], 0);
        Near(index, "mad", Median.AbsoluteDeviation(x, 1, none).Value, of[11], of[10]);
        if (!x.Any(double.IsInfinity))
            Near(index, "iqr", Quantiles.Iqr(x, QuantileMethod.R7, none).Value, of[12], Math.Max(Math.Abs(of[8]), Math.Abs(of[9])) / 4);
        var summary = Summary.Of(x, 1, true, none).Value;
        Near(index, "mean in the summary", summary.Mean, of[1], sumAbsolute / x.Length);
        Near(index, "std in the summary", summary.Deviation, of[6], of[6] * condition);
        // Below this, variation is what rounding left of constants, for scipy as for us.
        if (condition < 1e12)
        {
            double cubes = of[17] * 2 * condition, fourths = (of[14] + 3) * 2 * condition, n = x.Length;
            Near(index, "skewness", summary.Skewness, of[13], cubes);
            Near(index, "kurtosis", summary.Kurtosis, of[14], fourths);
            Near(index, "skewness without bias", n > 2 ? Shape.Skewness(x, false, none).Value : double.NaN, of[15], n > 2 ? cubes * Math.Sqrt(n * (n - 1)) / (n - 2) : 0);
            Near(index, "kurtosis without bias", n > 3 ? Shape.Kurtosis(x, false, none).Value : double.NaN, of[16],
                n > 3 ? ((fourths * (n + 1)) + (3 * (n - 1))) * (n - 1) / ((n - 2) * (n - 3)) : 0);
            Near(index, "autocorrelation", Autocorrelation.Of(x, lag, none).Value, of[18], condition);
        }
        CheckQuantiles(index, x, p, of[20..29]);
        CheckHistogram(index, x, bins, of[29..31]);
    }

    void CheckQuantiles(int index, double[] x, double p, ReadOnlySpan<double> of)
    {
        for (var method = QuantileMethod.R1; method <= QuantileMethod.R9; method++)
        {
            // numpy's closest_observation is off by one rank before 2.0; QuantileTests holds R-3 to its definition. Between infinities numpy interpolates to NaN.
            if (method == QuantileMethod.R3 || (x.Any(double.IsInfinity) && double.IsNaN(of[(int)method - 1])))
                continue;
            Near(index, method.ToString(), Quantiles.Of(x, p, method, NanPolicy.Propagate).Value, of[(int)method - 1], 0);
        }
    }

    void CheckHistogram(int index, double[] x, int bins, ReadOnlySpan<double> of)
    {
        var counts = new long[bins];
        var error = Histogram.Of(x, null, NanPolicy.Propagate, counts, new double[bins + 1]);
        Assert.Equal(x.Any(v => !double.IsFinite(v)), error.Fault == KernelFault.NotFinite);
        Assert.Equal(error.Fault == KernelFault.None ? x.Length : 0, counts.Sum());
        if (double.IsNaN(of[0]))
            return;
        Near(index, "histogram", counts.Index().Sum(c => (c.Index + 1.0) * c.Item), of[0], 0);
        Near(index, "histogram", counts.Sum(c => (double)c * c), of[1], 0);
    }

    /// <param name="scale">What the figure is made of: the figure's size times its condition.</param>
    void Near(int index, string figure, double ours, double numpy, double scale)
    {
        if (ours.Equals(numpy) || ours == numpy || (double.IsNaN(numpy) && double.IsNaN(ours)))
            return;
        // Subnormal numbers have fewer bits: half a one is lost in any case.
        var off = Math.Max(0, Math.Abs(ours - numpy) - double.Epsilon) / Ulp / Math.Max(Math.Abs(numpy), double.IsFinite(scale) ? Math.Abs(scale) : double.MaxValue);
        _worst[figure] = Math.Max(_worst.GetValueOrDefault(figure), off);
        if (!(off <= 4))
            _apart.Add($"series {index}: {figure} is {ours:R}, numpy's {numpy:R}, {off:F1} ulp × condition apart (scale {scale:R})");
    }

    async Task<double[]> ReferenceAsync(int from, int to)
    {
        var (input, result) = (Path.GetTempFileName(), Path.GetTempFileName());
        await using (var stream = File.Create(input))
            for (var i = from; i < to; i++)
            {
                var x = Drawn(i);
                var (p, bins, lag) = Asked(i, x.Length);
                await stream.WriteAsync(MemoryMarshal.AsBytes<double>([x.Length, p, bins, lag, .. x]).ToArray());
            }
        Assert.True(await RunsAsync(TestServers.Fixture("kernels.py"), input, result));
        var figures = MemoryMarshal.Cast<byte, double>(await File.ReadAllBytesAsync(result)).ToArray();
        File.Delete(input);
        File.Delete(result);
        return figures;
    }

    static async Task<bool> RunsAsync(params string[] arguments)
    {
        if (!File.Exists("/usr/bin/python3"))
            return false;
        using var python = Process.Start(new ProcessStartInfo("/usr/bin/python3", arguments) { Environment = { ["OPENBLAS_NUM_THREADS"] = "1" } })!;
        await python.WaitForExitAsync();
        return python.ExitCode == 0;
    }
}
