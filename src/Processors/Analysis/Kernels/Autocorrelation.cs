using System.Buffers;
using System.Runtime.CompilerServices;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// r_k = Σ dᵢ dᵢ₊ₖ / Σ dᵢ², d the deviations from the mean of the whole series (Box and Jenkins; NIST's definition). NaN where nothing varies. Computed as
/// written, eight lags at a time over stretches in the first cache; a Fourier transform would pay only for many hundreds of lags, and be less exact.
/// Time grows with values × lags. Rents the values' size.
/// </summary>
static unsafe class Autocorrelation
{
    public static Outcome<double> Of(ReadOnlySpan<double> x, int lag, NanPolicy nan)
    {
        Span<double> one = stackalloc double[1];
        var error = Of(x, lag, nan, one, CancellationToken.None);
        return error.Fault == KernelFault.None ? one[0] : error;
    }

    /// <param name="firstLag">From 0; the last lag must be below the number of values.</param>
    /// <param name="results">One for each lag from the first on.</param>
    public static KernelError Of(ReadOnlySpan<double> x, int firstLag, NanPolicy nan, Span<double> results, CancellationToken cancel)
    {
        if (firstLag < 0)
            return KernelError.Bad("lag");
        var needed = (long)firstLag + results.Length;
        using var kept = Kept.Of(x, nan);
        if (kept.Error.Fault != KernelFault.None)
            return kept.Error;
        if (kept.Values.Length < needed)
            return KernelError.TooFew(needed, kept.Values.Length);
        // Zeros behind the last deviation stand for the partners that it has not.
        var padded = kept.Values.Length + (int)needed + (2 * Lanes.Count);
        var rented = ArrayPool<double>.Shared.Rent(padded);
        rented.AsSpan(kept.Values.Length, padded - kept.Values.Length).Clear();
        var squares = Centered.Write(kept.Values, rented.AsSpan(0, kept.Values.Length));
        Products(rented, kept.Values.Length, firstLag, results, cancel);
        // What rounds otherwise than the squares is not quite 1 at lag 0.
        if (firstLag == 0 && !results.IsEmpty)
            results[0] = squares;
        foreach (ref var r in results)
            r /= squares;
        ArrayPool<double>.Shared.Return(rented);
        return KernelError.None;
    }

    static void Products(double[] deviations, int count, int firstLag, Span<double> results, CancellationToken cancel)
    {
        var segments = Segments.Of(count);
        var parts = ArrayPool<double>.Shared.Rent(checked(segments * results.Length));
        fixed (double* d = deviations, part = parts)
        {
            var size = (long)count * ((results.Length / Lanes.Count) + 1);
            switch (Simd.Width)
            {
                case 512: Segments.Run(new LagWork<Lanes512>(d, count, firstLag, results.Length, part, cancel), segments, size); break;
                case 256: Segments.Run(new LagWork<Lanes256>(d, count, firstLag, results.Length, part, cancel), segments, size); break;
                default: Segments.Run(new LagWork<LanesScalar>(d, count, firstLag, results.Length, part, cancel), segments, size); break;
            }
        }
        for (var lag = 0; lag < results.Length; lag++)
        {
            var total = default(Twofold);
            for (var segment = 0; segment < segments; segment++)
                total += parts[(segment * results.Length) + lag];
            results[lag] = total.Value;
        }
        ArrayPool<double>.Shared.Return(parts);
        cancel.ThrowIfCancellationRequested();
    }

    readonly struct LagWork<T>(double* d, int count, int firstLag, int lags, double* parts, CancellationToken cancel) : ISegmentWork
        where T : struct, ILanes<T>
    {
        const int BlockLength = 2048, StretchLength = 128;

        public void Do(int segment)
        {
            var totals = parts + ((long)segment * lags);
            new Span<double>(totals, lags).Clear();
            var sums = stackalloc double[2 * Lanes.Count * Lanes.Count];
            var end = Math.Min(count, (segment + 1) * Segments.Length);
            for (var at = segment * Segments.Length; at < end && !cancel.IsCancellationRequested; at += BlockLength)
            {
                for (var lag = 0; lag < lags; lag += Lanes.Count)
                {
                    var length = Math.Min(BlockLength, end - at);
                    new Span<double>(sums, 2 * Lanes.Count * Lanes.Count).Clear();
                    for (var from = 0; from < length; from += StretchLength)
                        Eight(d + at + from, Math.Min(StretchLength, length - from), firstLag + lag, sums);
                    for (var i = 0; i < Math.Min(Lanes.Count, lags - lag); i++)
                    {
                        var sum = sums + (2 * i * Lanes.Count);
                        totals[lag + i] += Lanes.Total(T.Load(sum), T.Load(sum + Lanes.Count)).Value;
                    }
                }
            }
        }

        /// <summary>Eight neighbouring lags, so that a value is loaded once for all of them. Behind the last value stand zeros.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        static void Eight(double* from, int length, int lag, double* sums)
        {
            T s0 = T.All(0), s1 = T.All(0), s2 = T.All(0), s3 = T.All(0), s4 = T.All(0), s5 = T.All(0), s6 = T.All(0), s7 = T.All(0);
            for (var i = 0; i < length; i += Lanes.Count)
            {
                var value = T.Load(from + i);
                var partner = from + i + lag;
                s0 = T.Fma(value, T.Load(partner), s0);
                s1 = T.Fma(value, T.Load(partner + 1), s1);
                s2 = T.Fma(value, T.Load(partner + 2), s2);
                s3 = T.Fma(value, T.Load(partner + 3), s3);
                s4 = T.Fma(value, T.Load(partner + 4), s4);
                s5 = T.Fma(value, T.Load(partner + 5), s5);
                s6 = T.Fma(value, T.Load(partner + 6), s6);
                s7 = T.Fma(value, T.Load(partner + 7), s7);
            }
            Add(s0, sums);
            Add(s1, sums + 16);
            Add(s2, sums + 32);
            Add(s3, sums + 48);
            Add(s4, sums + 64);
            Add(s5, sums + 80);
            Add(s6, sums + 96);
            Add(s7, sums + 112);
        }

        /// <param name="to">Eight lanes of sums, and behind them what rounding took from those.</param>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Add(T stretch, double* to)
        {
            var before = T.Load(to);
            var sum = before + stretch;
            sum.Store(to);
            (T.Load(to + Lanes.Count) + Lanes.Lost(before, stretch, sum)).Store(to + Lanes.Count);
        }
    }
}
