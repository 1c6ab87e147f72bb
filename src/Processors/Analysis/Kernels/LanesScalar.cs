using System.Numerics;
using System.Runtime.CompilerServices;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>Eight plain doubles: for processors without vectors, and to hold the others to.</summary>
readonly unsafe struct LanesScalar : ILanes<LanesScalar>
{
    readonly Eight _v;

    LanesScalar(Eight v) => _v = v;

    public static LanesScalar All(double value)
    {
        Eight v = default;
        ((Span<double>)v).Fill(value);
        return new(v);
    }

    public static LanesScalar Load(double* from)
    {
        Eight v = default;
        new ReadOnlySpan<double>(from, Lanes.Count).CopyTo(v);
        return new(v);
    }

    public void Store(double* to) => ((ReadOnlySpan<double>)_v).CopyTo(new Span<double>(to, Lanes.Count));

    public static LanesScalar operator +(LanesScalar a, LanesScalar b)
    {
        Eight v = default;
        for (var i = 0; i < Lanes.Count; i++)
            v[i] = a._v[i] + b._v[i];
        return new(v);
    }

    public static LanesScalar operator -(LanesScalar a, LanesScalar b)
    {
        Eight v = default;
        for (var i = 0; i < Lanes.Count; i++)
            v[i] = a._v[i] - b._v[i];
        return new(v);
    }

    public static LanesScalar operator *(LanesScalar a, LanesScalar b)
    {
        Eight v = default;
        for (var i = 0; i < Lanes.Count; i++)
            v[i] = a._v[i] * b._v[i];
        return new(v);
    }

    public static LanesScalar Fma(LanesScalar a, LanesScalar b, LanesScalar c)
    {
        Eight v = default;
        for (var i = 0; i < Lanes.Count; i++)
            v[i] = Math.FusedMultiplyAdd(a._v[i], b._v[i], c._v[i]);
        return new(v);
    }

    /// <summary>Plain doubles are for processors without vectors, and those fuse nothing.</summary>
    public static LanesScalar SumFused(LanesScalar a, LanesScalar b) => a + b;

    public static LanesScalar DifferenceFused(LanesScalar a, LanesScalar b) => a - b;

    public static LanesScalar Min(LanesScalar a, LanesScalar b)
    {
        Eight v = default;
        for (var i = 0; i < Lanes.Count; i++)
            v[i] = a._v[i] < b._v[i] ? a._v[i] : b._v[i];
        return new(v);
    }

    public static LanesScalar Max(LanesScalar a, LanesScalar b)
    {
        Eight v = default;
        for (var i = 0; i < Lanes.Count; i++)
            v[i] = a._v[i] > b._v[i] ? a._v[i] : b._v[i];
        return new(v);
    }

    public static LanesScalar Abs(LanesScalar a)
    {
        Eight v = default;
        for (var i = 0; i < Lanes.Count; i++)
            v[i] = Math.Abs(a._v[i]);
        return new(v);
    }

    public static uint Less(LanesScalar a, LanesScalar b)
    {
        var bits = 0u;
        for (var i = 0; i < Lanes.Count; i++)
            bits |= a._v[i] < b._v[i] ? 1u << i : 0;
        return bits;
    }

    public static uint Nan(LanesScalar a)
    {
        var bits = 0u;
        for (var i = 0; i < Lanes.Count; i++)
            bits |= double.IsNaN(a._v[i]) ? 1u << i : 0;
        return bits;
    }

    public static int Keep(LanesScalar value, LanesScalar low, LanesScalar high, double* to, ref long aboveLow, ref long belowHigh)
    {
        var above = Less(low, value);
        var below = Less(value, high);
        aboveLow += BitOperations.PopCount(above);
        belowHigh += BitOperations.PopCount(below);
        Compression.Write(value, above & below, to);
        return BitOperations.PopCount(above & below);
    }

    [InlineArray(Lanes.Count)]
    struct Eight
    {
        double _first;
    }
}
