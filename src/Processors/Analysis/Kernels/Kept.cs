using System.Buffers;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// The values of a series that a policy lets through: the series itself, or a copy without its NaN in an array of the shared pool, which goes back when this is disposed.
/// </summary>
ref struct Kept : IDisposable
{
    double[]? _rented;

    public ReadOnlySpan<double> Values { get; private set; }

    public KernelError Error { get; private init; }

    /// <summary>Whether a NaN is among <see cref="Values"/>: only where NaN propagate.</summary>
    public bool HasNan { get; private init; }

    /// <param name="needed">Fewer values than this are too few.</param>
    public static Kept Of(ReadOnlySpan<double> x, NanPolicy policy, int needed = 1)
    {
        if (policy == NanPolicy.Raise && !NotFinite.AllFinite(x))
            return new() { Error = KernelError.NotFinite(IndexOfNotFinite(x)) };
        var hasNan = policy != NanPolicy.Raise && NotFinite.AnyNan(x);
        var kept = new Kept { Values = x, HasNan = hasNan && policy == NanPolicy.Propagate };
        if (hasNan && policy == NanPolicy.Omit)
            kept.Omit(x);
        return kept.Values.Length >= needed ? kept : kept.Fewer(needed);
    }

    /// <summary>The values times a power of two, in the pool's array.</summary>
    public ReadOnlySpan<double> Scaled(int exponent)
    {
        _rented ??= ArrayPool<double>.Shared.Rent(Values.Length);
        for (var i = 0; i < Values.Length; i++)
            _rented[i] = Math.ScaleB(Values[i], exponent);
        return _rented.AsSpan(0, Values.Length);
    }

    public void Dispose()
    {
        if (_rented is not null)
            ArrayPool<double>.Shared.Return(_rented);
        _rented = null;
    }

    void Omit(ReadOnlySpan<double> x)
    {
        _rented = ArrayPool<double>.Shared.Rent(x.Length);
        var count = 0;
        foreach (var value in x)
            if (!double.IsNaN(value))
                _rented[count++] = value;
        Values = _rented.AsSpan(0, count);
    }

    Kept Fewer(int needed)
    {
        var error = KernelError.TooFew(needed, Values.Length);
        Dispose();
        return new() { Error = error };
    }

    static long IndexOfNotFinite(ReadOnlySpan<double> x)
    {
        var i = 0;
        while (double.IsFinite(x[i]))
            i++;
        return i;
    }
}
