namespace Pipeline.Processors.Tests.Analysis.Kernels;

/// <summary>Series as they should not be, but are: any size, scale, offset and order, with and without what is no number. One seed, one series.</summary>
static class Series
{
    public static double[] Of(int seed, int sizeMax)
    {
        var random = new Random(seed);
        var x = new double[1 + (random.Next(3) == 0 ? random.Next(sizeMax) : random.Next(Math.Min(sizeMax, 200)))];
        var scale = random.Next(8) switch { 0 => 1e-300, 1 => 1e300, 2 => 1e-100, 3 => 1e100, _ => Math.Pow(10, random.Next(-6, 7)) };
        var offset = random.Next(4) switch { 0 => 1e8, 1 => random.NextDouble() * 100, _ => 0 };
        Func<double> draw = random.Next(6) switch
        {
            0 => () => Math.Exp(4 * Normal(random)),
            1 => () => random.Next(5),
            2 => random.NextDouble,
            3 => () => Normal(random) * (random.Next(20) == 0 ? 1e10 : 1),
            _ => () => Normal(random),
        };
        for (var i = 0; i < x.Length; i++)
            x[i] = (draw() + offset) * scale;
        Arrange(x, random);
        if (random.Next(10) == 0)
            Sprinkle(x, random);
        return x;
    }

    static void Arrange(double[] x, Random random)
    {
        var order = random.Next(8);
        if (order == 0)
            Array.Sort(x);
        else if (order == 1)
            x.Sort((a, b) => b.CompareTo(a));
        else if (order == 2)
            x.Sort((a, b) => Math.Abs(b).CompareTo(Math.Abs(a)));
        else if (order == 3)
            Array.Fill(x, x[0]);
        // Up and down, so that naive sums of neighbours cancel.
        for (var i = 1; order == 4 && i < x.Length; i += 2)
            x[i] = -x[i - 1];
    }

    static void Sprinkle(double[] x, Random random)
    {
        double[] strange = random.Next(4) switch
        {
            0 => [double.NaN], 1 => [double.PositiveInfinity], 2 => [double.NegativeInfinity, double.PositiveInfinity, double.NaN], _ => [0.0, -0.0, double.Epsilon],
        };
        for (var count = 1 + random.Next(1 + (x.Length / 10)); count > 0; count--)
            x[random.Next(x.Length)] = strange[random.Next(strange.Length)];
    }

    static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
