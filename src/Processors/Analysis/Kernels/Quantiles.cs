using System.Buffers;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// Quantiles by any of the nine definitions, and what is made of them. The order statistics are selected, not sorted for, all of them in one reading
/// (<see cref="Selection"/>). With a NaN that propagates all of them are NaN. Rents up to about the values' own size.
/// </summary>
static class Quantiles
{
    /// <param name="p">Each from 0 to 1, in any order.</param>
    /// <param name="results">One for each <paramref name="p"/>.</param>
    public static KernelError Of(ReadOnlySpan<double> x, ReadOnlySpan<double> p, QuantileMethod method, NanPolicy nan, Span<double> results)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(results.Length, p.Length);
        if (method is < QuantileMethod.R1 or > QuantileMethod.R9)
            return KernelError.Bad("method");
        foreach (var one in p)
            if (!(one is >= 0 and <= 1))
                return KernelError.Bad("p");
        using var kept = Kept.Of(x, nan);
        if (kept.Error.Fault != KernelFault.None)
            return kept.Error;
        if (kept.HasNan)
            results[..p.Length].Fill(double.NaN);
        else
            Fill(kept.Values, p, method, results);
        return KernelError.None;
    }

    public static Outcome<double> Of(ReadOnlySpan<double> x, double p, QuantileMethod method, NanPolicy nan)
    {
        Span<double> result = stackalloc double[1];
        var error = Of(x, [p], method, nan, result);
        return error.Fault == KernelFault.None ? result[0] : error;
    }

    /// <summary>The distance between the quartiles.</summary>
    public static Outcome<double> Iqr(ReadOnlySpan<double> x, QuantileMethod method, NanPolicy nan)
    {
        Span<double> quartiles = stackalloc double[2];
        var error = Of(x, [0.25, 0.75], method, nan, quartiles);
        if (error.Fault != KernelFault.None)
            return error;
        var apart = quartiles[1] - quartiles[0];
        return double.IsInfinity(apart) && double.IsFinite(quartiles[0]) && double.IsFinite(quartiles[1]) ? new Outcome<double>(apart, KernelError.Overflow) : apart;
    }

    static void Fill(ReadOnlySpan<double> x, ReadOnlySpan<double> p, QuantileMethod method, Span<double> results)
    {
        var ranks = ArrayPool<int>.Shared.Rent(2 * p.Length);
        var found = ArrayPool<double>.Shared.Rent(2 * p.Length);
        for (var i = 0; i < p.Length; i++)
        {
            var place = QuantilePlace.Of(p[i], x.Length, method);
            (ranks[2 * i], ranks[(2 * i) + 1]) = (place.Lower, place.Upper);
        }
        var wanted = ranks.AsSpan(0, 2 * p.Length);
        wanted.Sort();
        wanted = wanted[..Unique(wanted)];
        Selection.Of(x, wanted, found);
        for (var i = 0; i < p.Length; i++)
        {
            var place = QuantilePlace.Of(p[i], x.Length, method);
            results[i] = place.Between(found[wanted.BinarySearch(place.Lower)], found[wanted.BinarySearch(place.Upper)]);
        }
        ArrayPool<int>.Shared.Return(ranks);
        ArrayPool<double>.Shared.Return(found);
    }

    static int Unique(Span<int> sorted)
    {
        var count = 0;
        foreach (var rank in sorted)
            if (count == 0 || sorted[count - 1] != rank)
                sorted[count++] = rank;
        return count;
    }
}
