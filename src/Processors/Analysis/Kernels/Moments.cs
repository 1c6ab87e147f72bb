namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// Count, sum, and the sums of squares, cubes and fourth powers of the deviations from the mean, all of values times 2^<see cref="Exponent"/>. Two of
/// neighbouring stretches merge (Chan, Golub and LeVeque 1983; Pébay 2008). The sum is twofold, so that what separates two stretches is exact enough
/// even where it is far below the last bit of the mean; the others are so that thousands of merges lose nothing.
/// </summary>
readonly record struct Moments(long Count, Twofold Sum, Twofold SquaresSum, Twofold CubesSum, Twofold FourthsSum, double Min, double Max, int Exponent = 0)
{
    /// <summary>Means that differ by less, beside themselves, differ by rounding alone: two doubles differ by 2⁻⁵³, the means of 2³⁰ of them by 2⁻⁸³.</summary>
    const double Nothing = 1.0 / (1L << 60) / (1L << 30);

    /// <summary>The same for squares of deviations, beside the mean's square: one value of a block that differs by its last bit makes 2⁻¹⁰⁷.</summary>
    public const double NothingSquared = 1.0 / (1L << 60) / (1L << 60);

    public static Moments Merge(in Moments a, in Moments b)
    {
        double na = a.Count, nb = b.Count, n = na + nb;
        var mean = a.Sum / na;
        var d = ((b.Sum / nb) - mean).Value;
        if (Math.Abs(d) <= Nothing * Math.Abs(mean.High))
            d = 0;
        var d2 = d * d;
        var share = na * (nb / n);
        return new(
            a.Count + b.Count,
            a.Sum + b.Sum,
            a.SquaresSum + b.SquaresSum + (d2 * share),
            a.CubesSum + b.CubesSum + ((d2 * d * share * ((na - nb) / n)) + (3 * d * ((na * b.Squares) - (nb * a.Squares)) / n)),
            a.FourthsSum + b.FourthsSum + ((d2 * d2 * share * (((na * na) - (na * nb) + (nb * nb)) / (n * n)))
                + (6 * d2 * ((na * na * b.Squares) + (nb * nb * a.Squares)) / (n * n)) + (4 * d * ((na * b.Cubes) - (nb * a.Cubes)) / n)),
            Math.Min(a.Min, b.Min),
            Math.Max(a.Max, b.Max));
    }

    public double Squares => SquaresSum.Value;

    public double Cubes => CubesSum.Value;

    public double Fourths => FourthsSum.Value;

    public double Average => Math.ScaleB((Sum / Count).Value, -Exponent);

    public double Variance(int ddof) => Math.ScaleB(Squares / (Count - ddof), -2 * Exponent);

    public double Deviation(int ddof) => Math.ScaleB(Math.Sqrt(Squares / (Count - ddof)), -Exponent);

    /// <summary>m₃ / m₂^1.5; NaN where nothing varies. Without bias it is Fisher and Pearson's G₁, NaN below three values.</summary>
    public double Skewness(bool bias)
    {
        double n = Count, m2 = Squares / n;
        var biased = Cubes / n / (m2 * Math.Sqrt(m2));
        return bias ? biased : n > 2 ? biased * Math.Sqrt(n * (n - 1)) / (n - 2) : double.NaN;
    }

    /// <summary>m₄ / m₂² − 3, zero for a normal distribution; NaN where nothing varies. Without bias it is G₂, NaN below four values.</summary>
    public double Kurtosis(bool bias)
    {
        double n = Count, m2 = Squares / n;
        var biased = Fourths / n / (m2 * m2);
        return bias ? biased - 3 : n > 3 ? (((((n * n) - 1) * biased) - (3 * (n - 1) * (n - 1))) / ((n - 2) * (n - 3))) : double.NaN;
    }
}
