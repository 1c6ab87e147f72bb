using System.Buffers;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>min ‖b − A x‖ for columns of about one, A column by column. Own code: MathNet's QR neither refines nor gives its residuals in more than one double.</summary>
static class LeastSquares
{
    /// <summary>Each step brings as many digits as the columns leave; three are usual.</summary>
    const int RefinementsMax = 8;

    /// <summary>The last bit of a double beside its value.</summary>
    const double Nothing = 1.0 / (1L << 52);

    /// <param name="residuals">b − A x.</param>
    /// <param name="roots">The roots of the diagonal of (AᵀA)⁻¹: standard errors for a deviation of one.</param>
    /// <returns>The first column that depends on those before it, or −1.</returns>
    public static int Solve(
        ReadOnlySpan<double> a, ReadOnlySpan<double> b, int rows, Span<double> x, Span<double> residuals, Span<double> roots, CancellationToken cancel)
    {
        var columns = x.Length;
        var rented = ArrayPool<double>.Shared.Rent((rows * (columns + 2)) + (3 * columns) + (columns * columns));
        var qr = new Householder(rented.AsMemory(0, rows * columns), rented.AsMemory(rows * (columns + 2), columns), rows, columns);
        var rest = rented.AsSpan(rows * columns, rows);
        var low = rented.AsSpan(rows * (columns + 1), rows);
        var normal = rented.AsSpan((rows * (columns + 2)) + columns, columns);
        a.CopyTo(qr.Packed.Span);
        var dependent = qr.Factor(cancel);
        if (dependent < 0)
        {
            x.Clear();
            Refine(a, b, qr, x, residuals, rest, low, normal, cancel);
            qr.InverseRowNorms(rented.AsSpan((rows * (columns + 2)) + (2 * columns), columns), roots);
        }
        ArrayPool<double>.Shared.Return(rented);
        return dependent;
    }

    /// <summary>Solves r + A x = b, Aᵀ r = 0 for what is still missing of r and x, from x = 0 on: the first step is the plain solution.</summary>
    static void Refine(
        ReadOnlySpan<double> a, ReadOnlySpan<double> b, Householder qr, Span<double> x, Span<double> r, Span<double> f, Span<double> low, Span<double> g, CancellationToken cancel)
    {
        r.Clear();
        var before = double.PositiveInfinity;
        for (var step = 0; step < RefinementsMax; step++)
        {
            cancel.ThrowIfCancellationRequested();
            Missing(a, b, x, r, f, low);
            for (var j = 0; j < g.Length; j++)
                g[j] = -TwofoldDot(a.Slice(j * f.Length, f.Length), r);
            qr.Reflect(f, transposed: true);
            qr.SolveTransposed(g);
            // f now holds c₁ and c₂; x wants R⁻¹(c₁ − h), r wants Q (h, c₂).
            for (var j = 0; j < g.Length; j++)
                (f[j], g[j]) = (g[j], f[j] - g[j]);
            qr.SolveUpper(g);
            qr.Reflect(f, transposed: false);
            var change = 0.0;
            for (var j = 0; j < g.Length; j++)
            {
                change = Math.Max(change, Math.Abs(g[j]) / Math.Max(Math.Abs(x[j] + g[j]), double.Epsilon));
                x[j] += g[j];
            }
            for (var i = 0; i < f.Length; i++)
                r[i] += f[i];
            if (change <= Nothing || change >= before)
                break;
            before = change;
        }
    }
    /// <summary>f = b − r − A x, each row as if in twice the precision.</summary>
    static void Missing(ReadOnlySpan<double> a, ReadOnlySpan<double> b, ReadOnlySpan<double> x, ReadOnlySpan<double> r, Span<double> f, Span<double> low)
    {
        for (var i = 0; i < f.Length; i++)
            (f[i], low[i]) = Twofold.Sum(b[i], -r[i]);
        for (var j = 0; j < x.Length; j++)
        {
            var column = a.Slice(j * f.Length, f.Length);
            for (var i = 0; i < f.Length; i++)
            {
                var (product, productLow) = Twofold.Product(column[i], -x[j]);
                (f[i], var lost) = Twofold.Sum(f[i], product);
                low[i] += lost + productLow;
            }
        }
        for (var i = 0; i < f.Length; i++)
            f[i] += low[i];
    }

    /// <summary>Dot2 of Ogita, Rump and Oishi (2005).</summary>
    static double TwofoldDot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double total = 0, low = 0;
        for (var i = 0; i < a.Length; i++)
        {
            var (product, productLow) = Twofold.Product(a[i], b[i]);
            (total, var lost) = Twofold.Sum(total, product);
            low += lost + productLow;
        }
        return total + low;
    }
}
