using System.Numerics.Tensors;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>Least and greatest value, −0 below +0. By TensorPrimitives, which lets a NaN through.</summary>
static class Extremes
{
    public static Outcome<double> Min(ReadOnlySpan<double> x, NanPolicy nan)
    {
        if (x.IsEmpty)
            return KernelError.Empty;
        var least = TensorPrimitives.Min(x);
        if (double.IsFinite(least) && nan != NanPolicy.Raise)
            return least;
        using var kept = Kept.Of(x, nan);
        return kept.Error.Fault != KernelFault.None ? kept.Error : TensorPrimitives.Min(kept.Values);
    }

    public static Outcome<double> Max(ReadOnlySpan<double> x, NanPolicy nan)
    {
        if (x.IsEmpty)
            return KernelError.Empty;
        var greatest = TensorPrimitives.Max(x);
        if (double.IsFinite(greatest) && nan != NanPolicy.Raise)
            return greatest;
        using var kept = Kept.Of(x, nan);
        return kept.Error.Fault != KernelFault.None ? kept.Error : TensorPrimitives.Max(kept.Values);
    }
}
