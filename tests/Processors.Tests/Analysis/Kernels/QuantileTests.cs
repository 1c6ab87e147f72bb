using Pipeline.Processors.Analysis.Kernels;

namespace Pipeline.Processors.Tests.Analysis.Kernels;

public sealed class QuantileTests
{
    [Fact]
    public void Every_method_follows_its_definition()
    {
        for (var seed = 1; seed <= 300; seed++)
        {
            var random = new Random(seed);
            double[] x = [.. Enumerable.Range(0, 1 + random.Next(40)).Select(_ => (double)random.Next(20))], sorted = [.. x.Order()];
            // Eighths are exact, so that n·p falls on whole numbers and halves as it should.
            var p = random.Next(9) / 8.0;
            for (var method = QuantileMethod.R1; method <= QuantileMethod.R9; method++)
                Assert.Equal(Defined(sorted, p, method), Quantiles.Of(x, p, method, NanPolicy.Raise).Value, 1e-12);
        }
    }

    /// <summary>Hyndman and Fan (1996) as R's help has it: Q = (1 − γ) xⱼ + γ xⱼ₊₁ with j = ⌊np + m⌋, ranks from 1.</summary>
    static double Defined(double[] sorted, double p, QuantileMethod method)
    {
        double n = sorted.Length, m = method switch
        {
            QuantileMethod.R1 or QuantileMethod.R2 or QuantileMethod.R4 => 0,
            QuantileMethod.R3 => -0.5,
            QuantileMethod.R5 => 0.5,
            QuantileMethod.R6 => p,
            QuantileMethod.R7 => 1 - p,
            QuantileMethod.R8 => (p + 1) / 3,
            _ => (p / 4) + (3.0 / 8),
        };
        double j = Math.Floor((n * p) + m + 1e-12), g = Math.Max(0, (n * p) + m - j);
        var weight = method switch
        {
            QuantileMethod.R1 => g > 1e-9 ? 1 : 0,
            QuantileMethod.R2 => g > 1e-9 ? 1 : 0.5,
            QuantileMethod.R3 => g < 1e-9 && j % 2 == 0 ? 0 : 1,
            _ => g,
        };
        double At(double rank) => sorted[(int)Math.Clamp(rank, 1, n) - 1];
        return ((1 - weight) * At(j)) + (weight * At(j + 1));
    }

    [Theory]
    [InlineData("random"), InlineData("sorted"), InlineData("reversed"), InlineData("few values"), InlineData("all equal"), InlineData("organ pipe"), InlineData("infinities"), InlineData("two heaps")]
    public void Selection_finds_what_sorting_finds(string kind)
    {
        foreach (var n in new[] { 1, 2, 25, 1000, 8191, 8192, 50_000, 400_000 })
        {
            var random = new Random(n);
            double[] x = [.. Enumerable.Range(0, n).Select(i => kind switch
            {
                "few values" => random.Next(3),
                "all equal" => 7,
                "organ pipe" => Math.Min(i, n - i),
                "infinities" => random.Next(3) switch { 0 => double.NegativeInfinity, 1 => double.PositiveInfinity, _ => random.NextDouble() },
                "two heaps" => random.NextDouble() + (i % 2 * 1e9),
                _ => random.NextDouble(),
            })];
            double[] sorted = [.. x.Order()];
            x = kind == "sorted" ? sorted : kind == "reversed" ? [.. sorted.Reverse()] : x;
            int[] ranks = [.. new[] { 0, n / 20, n / 4, (n - 1) / 2, n / 2, n - 1 - (n / 20), n - 1 }.Distinct().Order()];
            var found = new double[ranks.Length];
            Selection.Of(x, ranks, found);
            Assert.Equal(ranks.Select(r => sorted[r]), found);
        }
    }

    [Fact]
    public void A_thousand_quantiles_come_in_the_order_asked_for()
    {
        var random = new Random(3);
        double[] x = [.. Enumerable.Range(0, 20_000).Select(_ => random.NextDouble())], sorted = [.. x.Order()];
        double[] p = [.. Enumerable.Range(0, 1000).Select(_ => random.NextDouble())], results = new double[1000];
        Assert.Equal(KernelError.None, Quantiles.Of(x, p, QuantileMethod.R1, NanPolicy.Raise, results));
        Assert.Equal(p.Select(q => sorted[(int)Math.Ceiling(20_000 * q) - 1]), results);
    }

    [Fact]
    public void Order_of_the_values_does_not_matter_and_scaling_by_two_is_exact()
    {
        for (var seed = 0; seed < 100; seed++)
        {
            double[] x = [.. Series.Of(seed, 1000).Where(v => Math.Abs(v) is > 1e-290 and < 1e290)], shuffled = [.. x];
            if (x.Length == 0)
                continue;
            new Random(seed).Shuffle(shuffled);
            double[] halves = [.. x.Select(v => v / 2)];
            foreach (var p in new[] { 0.1, 0.5, 0.77 })
            {
                var value = Quantiles.Of(x, p, QuantileMethod.R7, NanPolicy.Raise).Value;
                Assert.Equal(value, Quantiles.Of(shuffled, p, QuantileMethod.R7, NanPolicy.Raise).Value);
                Assert.Equal(value / 2, Quantiles.Of(halves, p, QuantileMethod.R7, NanPolicy.Raise).Value);
            }
            Assert.Equal(Median.Of(x, NanPolicy.Raise).Value / 2, Median.Of(halves, NanPolicy.Raise).Value);
        }
    }
}
