using System.Buffers;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>The window's values kept in order: one is taken out, one put in, each by halving and moving what lies between. Rents a window.</summary>
static class SlidingMedian
{
    public static int Run(ReadOnlySpan<double> x, int window, Span<double> results, CancellationToken cancel)
    {
        var rented = ArrayPool<double>.Shared.Rent(window);
        var count = 0;
        for (var i = 0; i < x.Length; i++)
        {
            if (i % 4096 == 0 && cancel.IsCancellationRequested)
                break;
            if (i >= window && !double.IsNaN(x[i - window]))
                Remove(rented.AsSpan(0, count--), x[i - window]);
            if (!double.IsNaN(x[i]))
                Insert(rented.AsSpan(0, ++count), x[i]);
            if (i >= window - 1)
                results[i - window + 1] = count == window ? Middle(rented, window) : double.NaN;
        }
        ArrayPool<double>.Shared.Return(rented);
        cancel.ThrowIfCancellationRequested();
        return x.Length - window + 1;
    }

    static void Remove(Span<double> sorted, double value)
    {
        var at = First(sorted, value);
        sorted[(at + 1)..].CopyTo(sorted[at..]);
    }

    static void Insert(Span<double> sorted, double value)
    {
        var before = sorted[..^1];
        var at = First(before, value);
        before[at..].CopyTo(sorted[(at + 1)..]);
        sorted[at] = value;
    }

    /// <summary>The first place whose value is not less.</summary>
    static int First(ReadOnlySpan<double> sorted, double value)
    {
        int low = 0, high = sorted.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (sorted[middle] < value)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }

    static double Middle(double[] sorted, int count)
    {
        if (count % 2 != 0)
            return sorted[count / 2] + 0.0;
        double low = sorted[(count / 2) - 1], high = sorted[count / 2], sum = low + high;
        return double.IsInfinity(sum) ? (low / 2) + (high / 2) : sum / 2;
    }
}
