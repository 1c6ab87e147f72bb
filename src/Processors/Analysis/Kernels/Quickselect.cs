namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>Order statistics in place (Hoare 1961), several at once; sorts what is left when it has halved too often without getting smaller.</summary>
static class Quickselect
{
    const int SortedBelow = 24;

    /// <param name="offset">The rank of the first of <paramref name="a"/> among those that <paramref name="ranks"/> count.</param>
    public static void Of(Span<double> a, int offset, ReadOnlySpan<int> ranks, Span<double> values) =>
        Of(a, offset, ranks, values, 2 * (32 - int.LeadingZeroCount(a.Length)));

    static void Of(Span<double> a, int offset, ReadOnlySpan<int> ranks, Span<double> values, int depthLeft)
    {
        while (!ranks.IsEmpty)
        {
            if (a.Length <= SortedBelow || depthLeft-- == 0)
            {
                a.Sort();
                for (var i = 0; i < ranks.Length; i++)
                    values[i] = a[ranks[i] - offset];
                return;
            }
            var cut = Partition(a);
            var left = 0;
            while (left < ranks.Length && ranks[left] - offset < cut)
                left++;
            Of(a[..cut], offset, ranks[..left], values, depthLeft);
            a = a[cut..];
            ranks = ranks[left..];
            values = values[left..];
            offset += cut;
        }
    }

    /// <summary>Where the right part begins: nothing in the left one is greater than anything in it. Both stop at equal values, so that many of those are halved too.</summary>
    static int Partition(Span<double> a)
    {
        var pivot = Median(Median(a[0], a[a.Length / 8], a[a.Length / 4]), Median(a[(a.Length / 2) - 1], a[a.Length / 2], a[(a.Length / 2) + 1]),
            Median(a[^1], a[a.Length - (a.Length / 8)], a[a.Length - (a.Length / 4)]));
        int i = -1, j = a.Length;
        while (true)
        {
            while (a[++i] < pivot)
            {
            }
            while (a[--j] > pivot)
            {
            }
            if (i >= j)
                return i == 0 ? 1 : i;
            (a[i], a[j]) = (a[j], a[i]);
        }
    }

    static double Median(double a, double b, double c) => Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));
}
