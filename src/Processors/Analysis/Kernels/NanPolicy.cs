namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>What a kernel does with NaN. Infinities are values: only <see cref="Raise"/> refuses them.</summary>
enum NanPolicy
{
    /// <summary>A NaN among the values makes the result NaN, as in numpy.</summary>
    Propagate,

    /// <summary>NaN are left out; of rows, those that hold one. What remains is computed as if it had come alone, to the bit.</summary>
    Omit,

    /// <summary>A NaN or an infinity is <see cref="KernelFault.NotFinite"/>, with its index.</summary>
    Raise,
}
