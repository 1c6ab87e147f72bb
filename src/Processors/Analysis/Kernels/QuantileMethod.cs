namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>The nine definitions of a sample quantile (Hyndman and Fan 1996), by R's numbers; numpy's names beside them.</summary>
enum QuantileMethod
{
    /// <summary>inverted_cdf</summary>
    R1 = 1,

    /// <summary>averaged_inverted_cdf</summary>
    R2,

    /// <summary>closest_observation: halfway, the one of even rank</summary>
    R3,

    /// <summary>interpolated_inverted_cdf</summary>
    R4,

    /// <summary>hazen</summary>
    R5,

    /// <summary>weibull</summary>
    R6,

    /// <summary>linear: the default of numpy, R and spreadsheets</summary>
    R7,

    /// <summary>median_unbiased</summary>
    R8,

    /// <summary>normal_unbiased</summary>
    R9,
}

/// <summary>Between which order statistics a quantile lies: ranks from 0, and the weight of the upper one.</summary>
readonly record struct QuantilePlace(int Lower, int Upper, double Weight)
{
    /// <summary>Positions are computed in numpy's order of operations, so that both come to the same side of a whole number.</summary>
    public static QuantilePlace Of(double p, int count, QuantileMethod method)
    {
        double n = count;
        var position = method switch
        {
            QuantileMethod.R1 or QuantileMethod.R2 => (n * p) - 1,
            QuantileMethod.R3 => (n * p) - 1 - 0.5,
            QuantileMethod.R4 => Plotted(p, n, 0, 1),
            QuantileMethod.R5 => Plotted(p, n, 0.5, 0.5),
            QuantileMethod.R6 => Plotted(p, n, 0, 0),
            QuantileMethod.R8 => Plotted(p, n, 1.0 / 3, 1.0 / 3),
            QuantileMethod.R9 => Plotted(p, n, 3.0 / 8, 3.0 / 8),
            _ => (n - 1) * p,
        };
        var floor = Math.Floor(position);
        var fraction = position - floor;
        var weight = method switch
        {
            QuantileMethod.R1 => fraction == 0 ? 0 : 1,
            QuantileMethod.R2 => fraction == 0 ? 0.5 : 1,
            // Ranks from 0 are odd where those from 1 are even.
            QuantileMethod.R3 => fraction == 0 && ((long)floor & 1) != 0 ? 0 : 1,
            _ => fraction,
        };
        var lower = (int)Math.Clamp(floor, 0, n - 1);
        var upper = (int)Math.Clamp(floor + 1, 0, n - 1);
        return lower == upper || weight == 0 ? new(lower, lower, 0) : weight == 1 ? new(upper, upper, 0) : new(lower, upper, weight);
    }

    /// <summary>Rounds as numpy does, from the nearer end.</summary>
    public double Between(double lower, double upper)
    {
        if (Weight == 0 || lower == upper)
            return lower;
        var apart = upper - lower;
        if (double.IsInfinity(apart) && double.IsFinite(lower) && double.IsFinite(upper))
            return (lower * (1 - Weight)) + (upper * Weight);
        return Weight < 0.5 ? lower + (apart * Weight) : upper - (apart * (1 - Weight));
    }

    static double Plotted(double p, double n, double alpha, double beta) => (n * p) + (alpha + (p * (1 - alpha - beta))) - 1;
}
