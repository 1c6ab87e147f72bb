using System.Buffers;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// Windows without taking anything back (van Herk 1992; Gil and Werman 1993, for any operation that merges): the values are cut into stretches of a window's length, so that
/// each window is the end of one stretch and the beginning of the next. Ends are merged beforehand from right to left, beginnings on the way.
/// Three merges a value; rents a window's parts.
/// </summary>
static class SlidingFold
{
    /// <param name="results">At least values − window + 1; apart from the values' memory.</param>
    /// <returns>How many results there are.</returns>
    public static int Run<TPart>(ReadOnlySpan<double> x, int window, int ddof, Span<double> results)
        where TPart : unmanaged, IWindow<TPart>
    {
        var count = x.Length - window + 1;
        var rented = ArrayPool<TPart>.Shared.Rent(window);
        var ends = rented.AsSpan(0, window);
        for (var start = 0; start < count; start += window)
        {
            ends[window - 1] = TPart.Of(x[start + window - 1]);
            for (var i = window - 2; i >= 0; i--)
                ends[i] = TPart.Merge(TPart.Of(x[start + i]), ends[i + 1]);
            results[start] = TPart.Result(ends[0], window, ddof);
            var next = start + window;
            var last = Math.Min(window, count - start);
            if (last <= 1)
                continue;
            var beginning = TPart.Of(x[next]);
            results[start + 1] = TPart.Result(TPart.Merge(ends[1], beginning), window, ddof);
            for (var i = 2; i < last; i++)
            {
                beginning = TPart.Merge(beginning, TPart.Of(x[next + i - 1]));
                results[start + i] = TPart.Result(TPart.Merge(ends[i], beginning), window, ddof);
            }
        }
        ArrayPool<TPart>.Shared.Return(rented);
        return count;
    }
}
