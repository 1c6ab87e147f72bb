using System.Runtime.Intrinsics;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// How wide the kernels compute: 512 or 256 bits, or 0 for plain doubles. Chosen once. <c>PIPELINE_SIMD=scalar|256|512</c> overrides what the
/// processor offers; a width that it does not have is emulated. Every width gives the same bits: all of them add up the same eight (or sixteen) lanes
/// in the same order (<see cref="ILanes{T}"/>), so the choice is one of speed alone.
/// </summary>
static class Simd
{
    public static readonly int Width = Choose(Environment.GetEnvironmentVariable("PIPELINE_SIMD"));

    internal static int Choose(string? wanted) => wanted switch
    {
        "512" => 512,
        "256" => 256,
        "scalar" => 0,
        null or "" => Vector512.IsHardwareAccelerated ? 512 : Vector128.IsHardwareAccelerated ? 256 : 0,
        _ => throw new ArgumentException($"PIPELINE_SIMD is '{wanted}'; known are scalar, 256 and 512."),
    };
}
