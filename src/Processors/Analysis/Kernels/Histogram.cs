namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// Counts in bins of equal width, by numpy's rules: a value belongs to the bin whose lower edge it reaches, the last bin holds its upper edge too; a range of no width is
/// widened by ½ on both sides. Values outside a given range are not counted. No bin can hold a NaN, so one that is not left out is
/// <see cref="KernelFault.NotFinite"/>, and so is an infinity when the range is to be found in the values.
/// </summary>
static class Histogram
{
    /// <param name="range">Lower and upper edge of all bins; null: the extremes of the values.</param>
    /// <param name="counts">One for each bin; overwritten.</param>
    /// <param name="edges">One more than bins; overwritten.</param>
    public static KernelError Of(ReadOnlySpan<double> x, (double Low, double High)? range, NanPolicy nan, Span<long> counts, Span<double> edges)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(edges.Length, counts.Length + 1);
        if (counts.IsEmpty)
            return KernelError.Bad("bins");
        if (range is { } given && !(given.Low <= given.High && double.IsFinite(given.High - given.Low)))
            return KernelError.Bad("range");
        using var kept = Kept.Of(x, nan == NanPolicy.Propagate && range is null ? NanPolicy.Raise : nan);
        if (kept.Error.Fault != KernelFault.None)
            return kept.Error;
        if (kept.HasNan)
            return Kept.Of(x, NanPolicy.Raise).Error;
        var (low, high) = range ?? (Extremes.Min(kept.Values, NanPolicy.Propagate).Value, Extremes.Max(kept.Values, NanPolicy.Propagate).Value);
        if (!double.IsFinite(low) || !double.IsFinite(high))
            return Kept.Of(x, NanPolicy.Raise).Error;
        if (!double.IsFinite(high - low))
            return KernelError.Overflow;
        if (low == high)
            (low, high) = (low - 0.5, high + 0.5);
        Edges(low, high, edges);
        Count(kept.Values, edges, counts);
        return KernelError.None;
    }

    static void Edges(double low, double high, Span<double> edges)
    {
        var step = (high - low) / (edges.Length - 1);
        for (var i = 0; i < edges.Length; i++)
            edges[i] = (i * step) + low;
        edges[^1] = high;
    }

    /// <summary>A bin is reckoned and then put right by its edges, of which it can be off by one.</summary>
    static void Count(ReadOnlySpan<double> x, ReadOnlySpan<double> edges, Span<long> counts)
    {
        counts.Clear();
        double low = edges[0], high = edges[^1], width = high - low, perWidth = counts.Length / width;
        // A range so small that its reciprocal is none.
        var tiny = double.IsInfinity(perWidth);
        foreach (var value in x)
        {
            if (!(value >= low && value <= high))
                continue;
            var bin = Math.Min((int)(tiny ? (value - low) / width * counts.Length : (value - low) * perWidth), counts.Length - 1);
            if (value < edges[bin])
                bin--;
            else if (value >= edges[bin + 1] && bin != counts.Length - 1)
                bin++;
            counts[bin]++;
        }
    }
}
