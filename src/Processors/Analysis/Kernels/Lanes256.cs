using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>Two registers of AVX2; four of 128 bits where there is no more.</summary>
readonly unsafe struct Lanes256(Vector256<double> low, Vector256<double> high) : ILanes<Lanes256>
{
    readonly Vector256<double> _low = low, _high = high;

    /// <summary>Not so on processors of before 2013, where a fused product is a call.</summary>
    static bool Fuses => !X86Base.IsSupported || System.Runtime.Intrinsics.X86.Fma.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 All(double value) => new(Vector256.Create(value), Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Load(double* from) => new(Vector256.Load(from), Vector256.Load(from + 4));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(double* to)
    {
        _low.Store(to);
        _high.Store(to + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator +(Lanes256 a, Lanes256 b) => new(a._low + b._low, a._high + b._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator -(Lanes256 a, Lanes256 b) => new(a._low - b._low, a._high - b._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator *(Lanes256 a, Lanes256 b) => new(a._low * b._low, a._high * b._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Fma(Lanes256 a, Lanes256 b, Lanes256 c) =>
        new(Vector256.FusedMultiplyAdd(a._low, b._low, c._low), Vector256.FusedMultiplyAdd(a._high, b._high, c._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 SumFused(Lanes256 a, Lanes256 b) => Fuses ? Fma(a, All(1), b) : a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 DifferenceFused(Lanes256 a, Lanes256 b) => Fuses ? Fma(b, All(-1), a) : a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Min(Lanes256 a, Lanes256 b) => new(Min(a._low, b._low), Min(a._high, b._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Max(Lanes256 a, Lanes256 b) => new(Max(a._low, b._low), Max(a._high, b._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Abs(Lanes256 a) => new(Vector256.Abs(a._low), Vector256.Abs(a._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Less(Lanes256 a, Lanes256 b) => Bits(Vector256.LessThan(a._low, b._low), Vector256.LessThan(a._high, b._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Nan(Lanes256 a) => ~Bits(Vector256.Equals(a._low, a._low), Vector256.Equals(a._high, a._high)) & 0xFF;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Keep(Lanes256 value, Lanes256 low, Lanes256 high, double* to, ref long aboveLow, ref long belowHigh)
    {
        var above = Bits(Vector256.GreaterThan(value._low, low._low), Vector256.GreaterThan(value._high, low._high));
        var below = Bits(Vector256.LessThan(value._low, high._low), Vector256.LessThan(value._high, high._high));
        aboveLow += BitOperations.PopCount(above);
        belowHigh += BitOperations.PopCount(below);
        var kept = above & below;
        if (Avx2.IsSupported)
        {
            Compression.Of(value._low, kept & 15).Store(to);
            Compression.Of(value._high, kept >> 4).Store(to + BitOperations.PopCount(kept & 15));
        }
        else
        {
            Compression.Write(value, kept, to);
        }
        return BitOperations.PopCount(kept);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static uint Bits(Vector256<double> low, Vector256<double> high) => low.ExtractMostSignificantBits() | high.ExtractMostSignificantBits() << 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<double> Min(Vector256<double> a, Vector256<double> b) =>
        Avx.IsSupported ? Avx.Min(a, b) : Vector256.ConditionalSelect(Vector256.LessThan(a, b), a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<double> Max(Vector256<double> a, Vector256<double> b) =>
        Avx.IsSupported ? Avx.Max(a, b) : Vector256.ConditionalSelect(Vector256.GreaterThan(a, b), a, b);
}
