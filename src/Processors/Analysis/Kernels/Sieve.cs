using System.Numerics;
using System.Runtime.CompilerServices;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>Reads values once for all brackets: counts what lies outside each, keeps what lies inside.</summary>
static unsafe class Sieve
{
    /// <summary>So many values are looked at for one bracket after the other while they lie in the first cache.</summary>
    const int BlockLength = 2048;

    public static void Run(ReadOnlySpan<double> x, Span<Bracket> brackets, Span<double> kept)
    {
        fixed (double* values = x, scratch = kept)
        fixed (Bracket* first = brackets)
        {
            var segments = Segments.Of(x.Length);
            switch (Simd.Width)
            {
                case 512: Segments.Run(new Work<Lanes512>(values, x.Length, first, brackets.Length, scratch), segments, x.Length); break;
                case 256: Segments.Run(new Work<Lanes256>(values, x.Length, first, brackets.Length, scratch), segments, x.Length); break;
                default: Segments.Run(new Work<LanesScalar>(values, x.Length, first, brackets.Length, scratch), segments, x.Length); break;
            }
        }
    }

    /// <summary>How many values are below a limit, or above it.</summary>
    public static int Below(ReadOnlySpan<double> x, double limit, bool above = false) => Simd.Width switch
    {
        512 => Count<Lanes512>(x, limit, above),
        256 => Count<Lanes256>(x, limit, above),
        _ => Count<LanesScalar>(x, limit, above),
    };

    static int Count<T>(ReadOnlySpan<double> x, double limit, bool above)
        where T : struct, ILanes<T>
    {
        var bound = T.All(limit);
        int count = 0, i = 0;
        fixed (double* values = x)
        {
            for (; i <= x.Length - Lanes.Count; i += Lanes.Count)
                count += BitOperations.PopCount(above ? T.Less(bound, T.Load(values + i)) : T.Less(T.Load(values + i), bound));
            for (; i < x.Length; i++)
                count += above ? values[i] > limit ? 1 : 0 : values[i] < limit ? 1 : 0;
        }
        return count;
    }

    readonly struct Work<T>(double* values, int count, Bracket* brackets, int bracketCount, double* scratch) : ISegmentWork
        where T : struct, ILanes<T>
    {
        [SkipLocalsInit]
        public void Do(int segment)
        {
            var block = stackalloc double[BlockLength + Lanes.Count];
            var end = Math.Min(count, (segment + 1) * Segments.Length);
            var above = stackalloc long[bracketCount];
            var below = stackalloc long[bracketCount];
            new Span<long>(above, bracketCount).Clear();
            new Span<long>(below, bracketCount).Clear();
            for (var at = segment * Segments.Length; at < end; at += BlockLength)
            {
                var length = Math.Min(BlockLength, end - at);
                for (var i = 0; i < bracketCount; i++)
                    Keep(block, Scan(values + at, length, brackets[i].Low, brackets[i].High, block, ref above[i], ref below[i]), brackets + i);
            }
            for (var i = 0; i < bracketCount; i++)
            {
                Interlocked.Add(ref brackets[i].AboveLow, above[i]);
                Interlocked.Add(ref brackets[i].BelowHigh, below[i]);
            }
        }

        void Keep(double* block, int inside, Bracket* bracket)
        {
            if (inside == 0)
                return;
            var end = Interlocked.Add(ref bracket->Inside, inside);
            if (end <= bracket->Room)
                new ReadOnlySpan<double>(block, inside).CopyTo(new Span<double>(scratch + bracket->Start + end - inside, inside));
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        static int Scan(double* from, int length, double low, double high, double* block, ref long aboveLow, ref long belowHigh)
        {
            T lows = T.All(low), highs = T.All(high);
            long above = 0, below = 0;
            int inside = 0, i = 0;
            for (; i <= length - Lanes.Count; i += Lanes.Count)
                inside += T.Keep(T.Load(from + i), lows, highs, block + inside, ref above, ref below);
            for (; i < length; i++)
            {
                above += from[i] > low ? 1 : 0;
                below += from[i] < high ? 1 : 0;
                if (from[i] > low && from[i] < high)
                    block[inside++] = from[i];
            }
            aboveLow += above;
            belowHigh += below;
            return inside;
        }
    }
}
