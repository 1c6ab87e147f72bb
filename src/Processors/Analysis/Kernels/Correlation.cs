using System.Buffers;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>Pearson's r of two columns, and of many. NaN where a column does not vary or holds an infinity. Rents as much as the columns take.</summary>
static class Correlation
{
    /// <summary>Needs two rows. A row with a NaN in either column counts as one that holds it.</summary>
    public static Outcome<double> Of(ReadOnlySpan<double> x, ReadOnlySpan<double> y, NanPolicy nan)
    {
        if (x.Length != y.Length)
            return new KernelError(KernelFault.RaggedColumns, x.Length, y.Length);
        var rented = ArrayPool<double>.Shared.Rent(2 * x.Length);
        Span<double> first = rented.AsSpan(0, x.Length), second = rented.AsSpan(x.Length, x.Length);
        x.CopyTo(first);
        y.CopyTo(second);
        var error = Rows.Keep(rented, x.Length, 2, nan, out var rows);
        var r = double.NaN;
        if (error.Fault == KernelFault.None && rows < 2)
            error = KernelError.TooFew(2, rows);
        if (error.Fault == KernelFault.None)
        {
            first = first[..rows];
            second = second[..rows];
            double squaresX = Centered.Write(first, first), squaresY = Centered.Write(second, second);
            r = Math.Clamp(Dot.Of(first, second) / Math.Sqrt(squaresX) / Math.Sqrt(squaresY), -1, 1);
        }
        ArrayPool<double>.Shared.Return(rented);
        return error.Fault == KernelFault.None ? r : error;
    }

    /// <param name="columns">Of one length, at least two rows. Under <see cref="NanPolicy.Omit"/> a row with a NaN in any of them is left out of all.</param>
    /// <param name="matrix">Row by row, columns × columns; ones on the diagonal, but NaN where a column has no correlation.</param>
    public static KernelError Matrix(ReadOnlySpan<ReadOnlyMemory<double>> columns, NanPolicy nan, Span<double> matrix, CancellationToken cancel)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(matrix.Length, columns.Length * columns.Length);
        if (Rows.Uneven(columns) is { Fault: not KernelFault.None } uneven)
            return uneven;
        var length = columns[0].Length;
        var rented = ArrayPool<double>.Shared.Rent(length * columns.Length);
        for (var i = 0; i < columns.Length; i++)
            columns[i].Span.CopyTo(rented.AsSpan(i * length));
        var error = Rows.Keep(rented, length, columns.Length, nan, out var rows);
        if (error.Fault == KernelFault.None && rows < 2)
            error = KernelError.TooFew(2, rows);
        if (error.Fault == KernelFault.None)
            Fill(rented, length, rows, columns.Length, matrix, cancel);
        ArrayPool<double>.Shared.Return(rented);
        return error;
    }

    static void Fill(double[] columns, int length, int rows, int count, Span<double> matrix, CancellationToken cancel)
    {
        for (var i = 0; i < count; i++)
        {
            var column = columns.AsSpan(i * length, rows);
            var norm = Math.Sqrt(Centered.Write(column, column));
            for (var k = 0; k < column.Length; k++)
                column[k] /= norm;
            matrix[(i * count) + i] = norm > 0 ? 1 : double.NaN;
        }
        for (var i = 0; i < count; i++)
        {
            cancel.ThrowIfCancellationRequested();
            for (var j = 0; j < i; j++)
            {
                var r = Math.Clamp(Dot.Of(columns.AsSpan(i * length, rows), columns.AsSpan(j * length, rows)), -1, 1);
                (matrix[(i * count) + j], matrix[(j * count) + i]) = (r, r);
            }
        }
    }
}
