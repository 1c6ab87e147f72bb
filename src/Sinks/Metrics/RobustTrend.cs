namespace Pipeline.Sinks.Metrics;

/// <summary>The slope of Theil (1950) and Sen (1968): the median of the slopes between every two points. Up to 29 % of the points may be anything without moving it far.</summary>
public static class RobustTrend
{
    /// <param name="values">At 0, 1, 2 …; null where there is none.</param>
    /// <returns>Change for each step; null with fewer than two values.</returns>
    public static double? Slope(IReadOnlyList<double?> values)
    {
        var slopes = new List<double>();
        for (var i = 0; i < values.Count; i++)
            for (var j = i + 1; j < values.Count; j++)
                if (values[i] is { } before && values[j] is { } after)
                    slopes.Add((after - before) / (j - i));
        slopes.Sort();
        return Percentile(slopes, 0.5);
    }

    /// <summary>R-7 of sorted values (Hyndman and Fan 1996), null over nothing.</summary>
    public static double? Percentile(IReadOnlyList<double> sorted, double p)
    {
        if (sorted.Count == 0)
            return null;
        var rank = p * (sorted.Count - 1);
        var below = (int)Math.Floor(rank);
        return rank > below ? sorted[below] + ((rank - below) * (sorted[below + 1] - sorted[below])) : sorted[below];
    }
}
