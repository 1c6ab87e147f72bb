using Pipeline.Processors.Analysis.Kernels;

namespace Pipeline.Processors.Tests.Analysis.Kernels;

public sealed class NistRegressionTests(ITestOutputHelper output)
{
    /// <summary>Name, and how many digits the worst coefficient and the worst of the other figures must have.</summary>
    public static TheoryData<string, double, double> Sets => new()
    {
        { "Norris", 12, 12 }, { "Pontius", 12, 12 }, { "Longley", 10.5, 10.5 }, { "Filip", 7.5, 7 }, { "Wampler1", 9, 9 }, { "Wampler2", 9, 9 }, { "Wampler3", 9, 9 },
        { "Wampler4", 9, 9 }, { "Wampler5", 7, 9 }, { "NoInt1", 14, 13 }, { "NoInt2", 14, 13 },
    };

    [Theory, MemberData(nameof(Sets))]
    public void Regression_has_the_certified_digits(string name, double digits, double othersDigits)
    {
        var set = NistSet.Read(name);
        var (columns, y, intercept) = Load(set);
        var coefficients = new double[set.Coefficients.Count];
        var errors = new double[coefficients.Length];
        var fit = LinearRegression.Of(columns, y, intercept, NanPolicy.Raise, coefficients, errors, CancellationToken.None);
        Assert.False(fit.Failed, fit.Error.Message);
        var ceiling = Exact(Cells(columns, intercept, y.Length), [.. y.Select(Rational.Of)]).Zip(set.Coefficients, (c, s) => c.Digits(Rational.Parse(s.Estimate))).Min();
        var ours = coefficients.Zip(set.Coefficients, (c, s) => Rational.Of(c).Digits(Rational.Parse(s.Estimate))).Min();
        var others = errors.Zip(set.Coefficients, (e, s) => Rational.Of(e).Digits(Rational.Parse(s.Error)))
            .Append(Rational.Of(fit.Value.ResidualDeviation).Digits(set.Certified("sd"))).Append(Rational.Of(fit.Value.RSquared).Digits(set.Certified("r2"))).Min();
        output.WriteLine($"{name}: coefficients {ours:F1}, of these doubles exactly {ceiling:F1}; errors, deviation and R² {others:F1}");
        Assert.InRange(ours, digits, 15);
        Assert.InRange(ours, ceiling - 0.5, 15);
        Assert.InRange(others, othersDigits, 15);
    }

    [Theory, MemberData(nameof(Sets))]
    public void Certified_coefficients_are_those_of_the_fixture(string name, double digits, double othersDigits)
    {
        Assert.InRange(digits, 0, othersDigits + 5);
        var set = NistSet.Read(name);
        Rational[][] rows = [.. set.Rows.Select(r => (Rational[])[.. r.Select(Rational.Parse)])];
        var (model, size) = (set.Setting("model")[0], int.Parse(set.Setting("model")[1]));
        Rational[][] cells = model switch
        {
            "polynomial" => [.. rows.Select(r => (Rational[])[.. Enumerable.Range(0, size + 1).Select(k => Power(r[1], k))])],
            "columns" => [.. rows.Select(r => (Rational[])[1, .. r[1..]])],
            _ => [.. rows.Select(r => r[1..])],
        };
        foreach (var (exact, certified) in Exact(cells, [.. rows.Select(r => r[0])]).Zip(set.Coefficients))
            Assert.InRange(exact.Digits(Rational.Parse(certified.Estimate)), 14.2, 15);
    }

    static (ReadOnlyMemory<double>[] Columns, double[] Y, bool Intercept) Load(NistSet set)
    {
        var (model, size) = (set.Setting("model")[0], int.Parse(set.Setting("model")[1]));
        Func<string[], int, Rational> cell = model == "polynomial" ? (row, k) => Power(Rational.Parse(row[1]), k + 1) : (row, k) => Rational.Parse(row[k + 1]);
        ReadOnlyMemory<double>[] columns = [.. Enumerable.Range(0, size).Select(k => new ReadOnlyMemory<double>([.. set.Rows.Select(r => cell(r, k).Nearest())]))];
        return (columns, [.. set.Rows.Select(r => Rational.Parse(r[0]).Nearest())], model != "slope");
    }

    static Rational[][] Cells(ReadOnlyMemory<double>[] columns, bool intercept, int rows) =>
        [.. Enumerable.Range(0, rows).Select(i => (Rational[])[.. intercept ? [1] : Array.Empty<Rational>(), .. columns.Select(c => Rational.Of(c.Span[i]))])];

    static Rational Power(Rational x, int k) => Enumerable.Repeat(x, k).Aggregate((Rational)1, (a, b) => a * b);

    /// <summary>The normal equations by elimination: without rounding there is nothing wrong with them.</summary>
    static Rational[] Exact(Rational[][] rows, Rational[] y)
    {
        var n = rows[0].Length;
        var m = new Rational[n, n + 1];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++)
                m[i, j] = Rational.Sum(rows.Select(r => r[i] * r[j]));
            m[i, n] = Rational.Sum(rows.Zip(y, (r, v) => r[i] * v));
        }
        for (var k = 0; k < n; k++)
        {
            for (var i = 0; i < n; i++)
            {
                if (i == k)
                    continue;
                var factor = m[i, k] / m[k, k];
                for (var j = k; j <= n; j++)
                    m[i, j] -= factor * m[k, j];
            }
        }
        return [.. Enumerable.Range(0, n).Select(i => m[i, n] / m[i, i])];
    }
}
