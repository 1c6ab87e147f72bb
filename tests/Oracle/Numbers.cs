namespace Pipeline.Oracle;

static class Numbers
{
    /// <summary>R-7 of Hyndman and Fan (1996): linear between the two order statistics around p (n − 1). Null over nothing.</summary>
    public static decimal? Percentile(IEnumerable<decimal> values, decimal p)
    {
        var sorted = values.Order().ToList();
        if (sorted.Count == 0)
            return null;
        var place = p * (sorted.Count - 1);
        var below = (int)decimal.Floor(place);
        var above = Math.Min(below + 1, sorted.Count - 1);
        return sorted[below] + ((place - below) * (sorted[above] - sorted[below]));
    }

    public static decimal? Ratio(decimal part, decimal whole) => whole == 0 ? null : part / whole;

    public static decimal Ms(long us) => us / 1000m;
}
