using Pipeline.Processors.Analysis.Kernels;

namespace Pipeline.Processors.Tests.Analysis.Kernels;

/// <summary>
/// The ceiling of a figure is how many certified digits the exact figure of the data has once the data are rounded to doubles: what no program that reads doubles
/// can be expected to exceed. Exact figures are computed in rational numbers.
/// </summary>
public sealed class NistUnivariateTests(ITestOutputHelper output)
{
    public static TheoryData<string> Sets => ["PiDigits", "Lottery", "Lew", "Mavro", "Michelso", "NumAcc1", "NumAcc2", "NumAcc3", "NumAcc4"];

    [Theory, MemberData(nameof(Sets))]
    public void Certified_values_are_those_of_the_fixture_to_their_last_digits(string name)
    {
        var set = NistSet.Read(name);
        var exact = Exact([.. set.Values(name).Select(Rational.Parse)]);
        Assert.InRange(exact.Mean.Digits(set.Certified("mean")), 14.2, 15);
        Assert.InRange(exact.Deviation.Digits(set.Certified("sd")), 14.2, 15);
        Assert.InRange(exact.R1.Digits(set.Certified("r1")), 14.2, 15);
    }

    [Theory, MemberData(nameof(Sets))]
    public void Mean_has_14_digits_and_a_half(string name)
    {
        var (set, values) = Load(name);
        var digits = Rational.Of(Mean.Of(values, NanPolicy.Raise).Value).Digits(set.Certified("mean"));
        var summary = Rational.Of(Summary.Of(values, 1, true, NanPolicy.Raise).Value.Mean).Digits(set.Certified("mean"));
        output.WriteLine($"{name}: mean {digits:F1}, in the summary {summary:F1}");
        Assert.InRange(Math.Min(digits, summary), 14.5, 15);
    }

    [Theory, MemberData(nameof(Sets))]
    public void Deviation_and_autocorrelation_come_within_half_a_digit_of_the_ceiling(string name)
    {
        var (set, values) = Load(name);
        var ceiling = Exact([.. values.Select(Rational.Of)]);
        var (sdMost, r1Most) = (ceiling.Deviation.Digits(set.Certified("sd")), ceiling.R1.Digits(set.Certified("r1")));
        var sd = Rational.Of(Variance.Deviation(values, 1, NanPolicy.Raise).Value).Digits(set.Certified("sd"));
        var summary = Rational.Of(Summary.Of(values, 1, true, NanPolicy.Raise).Value.Deviation).Digits(set.Certified("sd"));
        var r1 = Rational.Of(Autocorrelation.Of(values, 1, NanPolicy.Raise).Value).Digits(set.Certified("r1"));
        output.WriteLine($"{name}: sd {sd:F1}, in the summary {summary:F1}, ceiling {sdMost:F1}; r1 {r1:F1}, ceiling {r1Most:F1}");
        Assert.InRange(Math.Min(sd, summary), sdMost - 0.5, 15);
        Assert.InRange(r1, r1Most - 0.5, 15);
    }

    [Fact]
    public void The_variance_of_textbooks_fails_these_tests()
    {
        var failed = 0;
        foreach (string name in Sets)
        {
            var (set, values) = Load(name);
            double sum = 0, squares = 0;
            foreach (var value in values)
                (sum, squares) = (sum + value, squares + (value * value));
            var naive = Math.Sqrt(Math.Max(0, (squares - (sum * sum / values.Length)) / (values.Length - 1)));
            var most = Exact([.. values.Select(Rational.Of)]).Deviation.Digits(set.Certified("sd"));
            failed += Rational.Of(naive).Digits(set.Certified("sd")) < most - 0.5 ? 1 : 0;
        }
        output.WriteLine($"it fails {failed} of 9");
        Assert.InRange(failed, 4, 9);
    }

    static (NistSet Set, double[] Values) Load(string name)
    {
        var set = NistSet.Read(name);
        return (set, [.. set.Values(name).Select(v => Rational.Parse(v).Nearest())]);
    }

    static (Rational Mean, Rational Deviation, Rational R1) Exact(Rational[] values)
    {
        var mean = Rational.Sum(values) / values.Length;
        Rational[] apart = [.. values.Select(v => v - mean)];
        var squares = Rational.Sum(apart.Select(d => d * d));
        var products = Rational.Sum(apart.Zip(apart.Skip(1), (a, b) => a * b));
        return (mean, (squares / (values.Length - 1)).Root(), products / squares);
    }
}
