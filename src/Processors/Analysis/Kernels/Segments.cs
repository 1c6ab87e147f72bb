using System.Buffers;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>Something done to numbered pieces, each without the others.</summary>
interface ISegmentWork
{
    void Do(int segment);
}

/// <summary>Reduces a stretch of values to a part, and two neighbouring parts to one.</summary>
unsafe interface IFold<TPart>
    where TPart : unmanaged
{
    TPart Of(double* values, int count);

    static abstract TPart Merge(in TPart left, in TPart right);
}

/// <summary>
/// Long inputs are cut at fixed places and the pieces done on every core, which ever is free; their parts are merged from left to right. So the result
/// does not depend on how many cores there were. Below <see cref="ParallelFrom"/> values, where waking a thread takes as long as the work, one core does it alone.
/// Allocates nothing below that; above, one small object a call.
/// </summary>
static unsafe class Segments
{
    public const int Length = 1 << 15;

    public const int ParallelFrom = 1 << 17;

    public static int Of(int count) => (count + Length - 1) / Length;

    public static TPart Fold<TFold, TPart>(ReadOnlySpan<double> x, TFold fold)
        where TFold : struct, IFold<TPart>
        where TPart : unmanaged
    {
        fixed (double* values = x)
        {
            if (x.Length <= Length)
                return fold.Of(values, x.Length);
            var segments = Of(x.Length);
            var parts = ArrayPool<TPart>.Shared.Rent(segments);
            fixed (TPart* part = parts)
                Run(new FoldWork<TFold, TPart>(fold, values, x.Length, part), segments, x.Length);
            var merged = parts[0];
            for (var i = 1; i < segments; i++)
                merged = TFold.Merge(merged, parts[i]);
            ArrayPool<TPart>.Shared.Return(parts);
            return merged;
        }
    }

    /// <param name="size">How many values' worth of work it is in all.</param>
    public static void Run<TWork>(TWork work, int segments, long size)
        where TWork : struct, ISegmentWork
    {
        if (size < ParallelFrom || Environment.ProcessorCount == 1 || segments == 1)
        {
            for (var i = 0; i < segments; i++)
                work.Do(i);
            return;
        }
        new Crew<TWork>(work, segments).Run();
    }

    readonly struct FoldWork<TFold, TPart>(TFold fold, double* values, int count, TPart* parts) : ISegmentWork
        where TFold : struct, IFold<TPart>
        where TPart : unmanaged
    {
        public void Do(int segment)
        {
            var from = segment * Length;
            parts[segment] = fold.Of(values + from, Math.Min(Length, count - from));
        }
    }
}
