using System.Numerics;
using Pipeline.Processors.Analysis.Kernels;

namespace Pipeline.Processors.Tests.Analysis.Kernels;

/// <summary>A block's deviations are taken from the mean of the block before, or, where that is far off, from its own: held to sums without rounding.</summary>
public sealed class MomentTests(ITestOutputHelper output)
{
    /// <summary>In standard deviations of a block: none, within what is corrected for, at its edge, beyond it, and so far that blocks vary by nothing beside their distance.</summary>
    [Theory, InlineData(0), InlineData(0.1), InlineData(0.125), InlineData(0.3), InlineData(20), InlineData(1e6)]
    public void Moments_are_right_wherever_the_block_before_lies(double step)
    {
        var random = new Random(7);
        foreach (var (count, back) in new[] { (1025, 1), (9_000, 1), (40_000, 1), (150_000, 2) })
        {
            double[] x = [.. Enumerable.Range(0, count).Select(i => Math.Round(1e6 * ((random.NextDouble() * Math.Sqrt(12)) + (step * ((i + 7168) / 8192 % (16 / back))))))];
            var exact = Exact.Of(x);
            foreach (var offset in new[] { 0, -3e6, 1e13 })
            {
                var summary = Summary.Of([.. x.Select(v => v + offset)], 1, true, NanPolicy.Raise).Value;
                var digits = Rational.Of(summary.Mean).Digits(exact.Mean + new Rational((BigInteger)offset, 1));
                var deviation = Rational.Of(summary.Deviation).Digits(exact.Deviation);
                output.WriteLine($"{count} values, {offset:R} off: mean {digits:F1} digits, deviation {deviation:F1}, skewness off by {summary.Skewness - exact.Skewness:E1}, kurtosis by {summary.Kurtosis - exact.Kurtosis:E1}");
                Assert.InRange(digits, 14.9, 15);
                Assert.InRange(deviation, 14.9, 15);
                Assert.Equal(exact.Skewness, summary.Skewness, 4e-15);
                Assert.Equal(exact.Kurtosis, summary.Kurtosis, 1e-14);
                Assert.Equal((x.Min() + offset, x.Max() + offset), (summary.Min, summary.Max));
                Assert.InRange(Variance.Deviation([.. x.Select(v => v + offset)], 1, NanPolicy.Raise).Value / summary.Deviation, 1 - 2e-16, 1 + 3e-16);
            }
        }
    }

    /// <summary>Deviations are rounded before they are added up, so that the mean is off by an ulp of the values' size and not of its own.</summary>
    [Theory, InlineData(2000), InlineData(100_000)]
    public void The_mean_of_values_that_cancel_is_good_to_an_ulp_of_their_size(int count)
    {
        var random = new Random(11);
        for (var draw = 0; draw < 10; draw++)
        {
            double[] x = [.. Enumerable.Range(0, count).Select(_ => (double)random.GetItems([-9, 1, 8], 1)[0])];
            var off = Rational.Of(Summary.Of(x, 1, true, NanPolicy.Raise).Value.Mean) - Exact.Of(x).Mean;
            Assert.InRange(Math.Abs(off.Nearest()), 0, x.Average(Math.Abs) * Math.Pow(2, -52));
        }
    }

    /// <summary>Of whole numbers.</summary>
    readonly record struct Exact(Rational Mean, Rational Deviation, double Skewness, double Kurtosis)
    {
        public static Exact Of(double[] x)
        {
            var sums = new BigInteger[5];
            foreach (var value in x)
            {
                var power = BigInteger.One;
                for (var k = 0; k < sums.Length; k++, power *= (BigInteger)value)
                    sums[k] += power;
            }
            Rational n = x.Length;
            Rational Raw(int power) => new Rational(sums[power], 1) / n;
            var mean = Raw(1);
            var second = Raw(2) - (mean * mean);
            var third = Raw(3) - (3 * mean * Raw(2)) + (2 * mean * mean * mean);
            var fourth = Raw(4) - (4 * mean * Raw(3)) + (6 * mean * mean * Raw(2)) - (3 * mean * mean * mean * mean);
            return new(mean, (second * n / (n - 1)).Root(), (third / (second * second.Root())).Nearest(), ((fourth / (second * second)) - 3).Nearest());
        }
    }
}
