using System.Numerics.Tensors;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// A = Q R by reflections (Golub and Van Loan, 5.2), packed as LAPACK's dgeqrf does: R in and above the diagonal, below it the reflections' vectors without their leading ones.
/// </summary>
/// <param name="Packed">Column by column; A before <see cref="Factor"/>.</param>
/// <param name="Factors">One for each column.</param>
readonly record struct Householder(Memory<double> Packed, Memory<double> Factors, int Rows, int Columns)
{
    /// <summary>What remains of a column, beside it, when those before it explain it but for rounding.</summary>
    const double Dependent = 1.0 / (1L << 46);

    /// <returns>The first column that depends on those before it, or −1.</returns>
    public int Factor(CancellationToken cancel)
    {
        for (var j = 0; j < Columns; j++)
        {
            var column = Column(j);
            var whole = Math.Sqrt(Dot.Of(column, column));
            for (var i = 0; i < j; i++)
                Reflect(i, column);
            cancel.ThrowIfCancellationRequested();
            var left = Math.Sqrt(Dot.Of(column[j..], column[j..]));
            if (left <= Dependent * whole)
                return j;
            var lead = column[j];
            var diagonal = lead > 0 ? -left : left;
            Factors.Span[j] = (diagonal - lead) / diagonal;
            TensorPrimitives.Divide(column[(j + 1)..], lead - diagonal, column[(j + 1)..]);
            column[j] = diagonal;
        }
        return -1;
    }

    /// <summary>Qᵀ f, or Q f.</summary>
    public void Reflect(Span<double> f, bool transposed)
    {
        for (var j = 0; j < Columns; j++)
            Reflect(transposed ? j : Columns - 1 - j, f);
    }

    /// <summary>R⁻¹ g.</summary>
    public void SolveUpper(Span<double> g)
    {
        for (var i = Columns - 1; i >= 0; i--)
        {
            for (var j = i + 1; j < Columns; j++)
                g[i] = Math.FusedMultiplyAdd(-Column(j)[i], g[j], g[i]);
            g[i] /= Column(i)[i];
        }
    }

    /// <summary>R⁻ᵀ g.</summary>
    public void SolveTransposed(Span<double> g)
    {
        for (var i = 0; i < Columns; i++)
        {
            for (var j = 0; j < i; j++)
                g[i] = Math.FusedMultiplyAdd(-Column(i)[j], g[j], g[i]);
            g[i] /= Column(i)[i];
        }
    }

    /// <summary>The lengths of the rows of R⁻¹.</summary>
    public void InverseRowNorms(Span<double> scratch, Span<double> norms)
    {
        norms.Clear();
        for (var j = 0; j < Columns; j++)
        {
            scratch.Clear();
            scratch[j] = 1;
            SolveUpper(scratch);
            for (var i = 0; i <= j; i++)
                norms[i] = Math.FusedMultiplyAdd(scratch[i], scratch[i], norms[i]);
        }
        for (var i = 0; i < Columns; i++)
            norms[i] = Math.Sqrt(norms[i]);
    }

    void Reflect(int j, Span<double> f)
    {
        var below = Column(j)[(j + 1)..];
        var along = Factors.Span[j] * (f[j] + Dot.Of(below, f[(j + 1)..]));
        f[j] -= along;
        TensorPrimitives.FusedMultiplyAdd(below, -along, f[(j + 1)..], f[(j + 1)..]);
    }

    Span<double> Column(int j) => Packed.Span.Slice(j * Rows, Rows);
}
