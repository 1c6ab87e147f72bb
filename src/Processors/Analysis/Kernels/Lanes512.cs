using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>One register of AVX-512.</summary>
readonly unsafe struct Lanes512(Vector512<double> v) : ILanes<Lanes512>
{
    readonly Vector512<double> _v = v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 All(double value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Load(double* from) => new(Vector512.Load(from));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(double* to) => _v.Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 operator +(Lanes512 a, Lanes512 b) => new(a._v + b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 operator -(Lanes512 a, Lanes512 b) => new(a._v - b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 operator *(Lanes512 a, Lanes512 b) => new(a._v * b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Fma(Lanes512 a, Lanes512 b, Lanes512 c) => new(Vector512.FusedMultiplyAdd(a._v, b._v, c._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 SumFused(Lanes512 a, Lanes512 b) => Fma(a, All(1), b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 DifferenceFused(Lanes512 a, Lanes512 b) => Fma(b, All(-1), a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Min(Lanes512 a, Lanes512 b) =>
        new(Avx512F.IsSupported ? Avx512F.Min(a._v, b._v) : Vector512.ConditionalSelect(Vector512.LessThan(a._v, b._v), a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Max(Lanes512 a, Lanes512 b) =>
        new(Avx512F.IsSupported ? Avx512F.Max(a._v, b._v) : Vector512.ConditionalSelect(Vector512.GreaterThan(a._v, b._v), a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Abs(Lanes512 a) => new(Vector512.Abs(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Less(Lanes512 a, Lanes512 b) => (uint)Vector512.LessThan(a._v, b._v).ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Nan(Lanes512 a) => (uint)~Vector512.Equals(a._v, a._v).ExtractMostSignificantBits() & 0xFF;

    /// <summary>Compresses into a register and stores all of it: storing under a mask takes a hundred cycles on Zen 4.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Keep(Lanes512 value, Lanes512 low, Lanes512 high, double* to, ref long aboveLow, ref long belowHigh)
    {
        var above = Vector512.GreaterThan(value._v, low._v);
        var below = Vector512.LessThan(value._v, high._v);
        var aboveBits = (uint)above.ExtractMostSignificantBits();
        var belowBits = (uint)below.ExtractMostSignificantBits();
        aboveLow += BitOperations.PopCount(aboveBits);
        belowHigh += BitOperations.PopCount(belowBits);
        if (Avx512F.IsSupported)
            Avx512F.Compress(Vector512<double>.Zero, above & below, value._v).Store(to);
        else
            Compression.Write(value, aboveBits & belowBits, to);
        return BitOperations.PopCount(aboveBits & belowBits);
    }
}
