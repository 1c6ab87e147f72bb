using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// Eight doubles side by side, however wide the processor computes. A kernel is written once against this, and the compiler makes one version of it for
/// each implementation. Products that are added are always fused, so that every implementation rounds at the same places.
/// </summary>
unsafe interface ILanes<T>
    where T : struct, ILanes<T>
{
    static abstract T All(double value);

    static abstract T Load(double* from);

    void Store(double* to);

    static abstract T operator +(T a, T b);

    static abstract T operator -(T a, T b);

    static abstract T operator *(T a, T b);

    /// <summary>a · b + c, rounded once.</summary>
    static abstract T Fma(T a, T b, T c);

    /// <summary>a + b, the same to the bit, by the units that multiply. Zen has two units that only add beside two that fuse; a loop that does nothing but add keeps half of them idle without it.</summary>
    static abstract T SumFused(T a, T b);

    /// <summary>a − b, as <see cref="SumFused"/>.</summary>
    static abstract T DifferenceFused(T a, T b);

    /// <summary>The lesser of each pair, and <paramref name="b"/> where they are equal or one is NaN.</summary>
    static abstract T Min(T a, T b);

    /// <summary>The greater of each pair, and <paramref name="b"/> where they are equal or one is NaN.</summary>
    static abstract T Max(T a, T b);

    static abstract T Abs(T a);

    /// <summary>Bit i says whether lane i is below <paramref name="b"/>'s.</summary>
    static abstract uint Less(T a, T b);

    /// <summary>Bit i says whether lane i is NaN.</summary>
    static abstract uint Nan(T a);

    /// <summary>
    /// Writes the lanes strictly between the bounds to <paramref name="to"/>, in order, and garbage behind them up to eight in all; adds how many are
    /// above <paramref name="low"/> and how many below <paramref name="high"/>; returns how many it kept.
    /// </summary>
    static abstract int Keep(T value, T low, T high, double* to, ref long aboveLow, ref long belowHigh);
}

static unsafe class Lanes
{
    public const int Count = 8;

    /// <summary>How far ahead memory is asked for what is read next. The loops here do ten and more operations on a value, so that what the processor has in hand at a time are a few lines alone.</summary>
    const int Ahead = 256;

    /// <summary>Asks memory for the sixteen values that come <see cref="Ahead"/> of these. Beyond the end it asks for nothing that could fail.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fetch(double* from)
    {
        if (!Sse.IsSupported)
            return;
        Sse.Prefetch0(from + Ahead);
        Sse.Prefetch0(from + Ahead + Count);
    }

    /// <summary>The first <paramref name="count"/> (below eight) values, and <paramref name="fill"/> in the other lanes.</summary>
    public static T Partial<T>(double* from, int count, double fill)
        where T : struct, ILanes<T>
    {
        var padded = stackalloc double[Count];
        for (var i = 0; i < Count; i++)
            padded[i] = i < count ? from[i] : fill;
        return T.Load(padded);
    }

    /// <summary>The first <paramref name="count"/> lanes, and zeros in the others.</summary>
    public static T Kept<T>(T lanes, int count)
        where T : struct, ILanes<T>
    {
        var v = stackalloc double[Count];
        lanes.Store(v);
        return Partial<T>(v, count, 0);
    }

    /// <summary>The lanes added up as a tree, the same at every width.</summary>
    public static double Total<T>(T lanes)
        where T : struct, ILanes<T>
    {
        var v = stackalloc double[Count];
        lanes.Store(v);
        return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
    }

    /// <summary>What rounding took from <paramref name="sum"/> of a and b: a + b − sum, without any error (Knuth, TAOCP 2, 4.2.2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Lost<T>(T a, T b, T sum)
        where T : struct, ILanes<T>
    {
        var fromB = T.DifferenceFused(sum, a);
        return T.SumFused(a - (sum - fromB), T.DifferenceFused(b, fromB));
    }

    /// <summary>As <see cref="Total{T}(T)"/>, each lane with what rounding took from it.</summary>
    public static Twofold Total<T>(T lanes, T lost)
        where T : struct, ILanes<T>
    {
        var v = stackalloc double[Count];
        var e = stackalloc double[Count];
        lanes.Store(v);
        lost.Store(e);
        return ((Lane(v, e, 0) + Lane(v, e, 4)) + (Lane(v, e, 2) + Lane(v, e, 6))) + ((Lane(v, e, 1) + Lane(v, e, 5)) + (Lane(v, e, 3) + Lane(v, e, 7)));
    }

    static Twofold Lane(double* v, double* e, int i) => double.IsFinite(v[i]) ? Twofold.Sum(v[i], e[i]) : new(v[i], 0);
}
