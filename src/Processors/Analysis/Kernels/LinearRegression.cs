using System.Buffers;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// How well a plane fits. R² is 1 − Σr² / Σ(y − ȳ)², without an intercept 1 − Σr² / Σy²; NaN where y does not vary. The deviation of the residuals is
/// √(Σr² / (rows − parameters)), NaN where there are as many parameters as rows.
/// </summary>
readonly record struct RegressionFigures(int Rows, int Parameters, double RSquared, double ResidualDeviation);

/// <summary>
/// Ordinary least squares by Householder's QR of the columns, each brought to about one by a power of two, refined with residuals in twofold precision (Björck 1967) until nothing
/// changes. So the coefficients are those of the given doubles to nearly all digits while the columns are not dependent to some 10⁻¹³. Rents (columns + 4) × rows.
/// </summary>
static class LinearRegression
{
    /// <param name="columns">The predictors, each as long as y. None is allowed with an intercept: the mean.</param>
    /// <param name="coefficients">The intercept first, if there is one.</param>
    /// <param name="errors">Their standard errors, in the same order.</param>
    public static Outcome<RegressionFigures> Of(
        ReadOnlySpan<ReadOnlyMemory<double>> columns, ReadOnlySpan<double> y, bool intercept, NanPolicy nan, Span<double> coefficients, Span<double> errors,
        CancellationToken cancel)
    {
        var parameters = columns.Length + (intercept ? 1 : 0);
        ArgumentOutOfRangeException.ThrowIfNotEqual(coefficients.Length, parameters);
        ArgumentOutOfRangeException.ThrowIfNotEqual(errors.Length, parameters);
        if (parameters == 0 || y.IsEmpty)
            return KernelError.Empty;
        foreach (var column in columns)
            if (column.Length != y.Length)
                return new KernelError(KernelFault.RaggedColumns, y.Length, column.Length);
        var rented = ArrayPool<double>.Shared.Rent(checked(y.Length * (parameters + 1)));
        var outcome = Arranged(columns, y, intercept, nan, rented, coefficients, errors, cancel);
        ArrayPool<double>.Shared.Return(rented);
        return outcome;
    }

    /// <summary>Side by side in one array: the intercept's ones, the predictors, y; then without the rows that the policy leaves out.</summary>
    static Outcome<RegressionFigures> Arranged(
        ReadOnlySpan<ReadOnlyMemory<double>> columns, ReadOnlySpan<double> y, bool intercept, NanPolicy nan, Span<double> rented, Span<double> coefficients, Span<double> errors,
        CancellationToken cancel)
    {
        int length = y.Length, parameters = coefficients.Length, first = intercept ? 1 : 0;
        if (intercept)
            rented[..length].Fill(1);
        for (var i = 0; i < columns.Length; i++)
            columns[i].Span.CopyTo(rented[((first + i) * length)..]);
        y.CopyTo(rented[(parameters * length)..]);
        var error = Rows.Keep(rented, length, parameters + 1, nan, out var rows);
        if (error.Fault != KernelFault.None)
            return error;
        if (rows < parameters)
            return KernelError.TooFew(parameters, rows);
        if (!NotFinite.AllFinite(rented[..(length * (parameters + 1))]))
        {
            coefficients.Fill(double.NaN);
            errors.Fill(double.NaN);
            return new RegressionFigures(rows, parameters, double.NaN, double.NaN);
        }
        for (var i = 1; i <= parameters; i++)
            rented.Slice(i * length, rows).CopyTo(rented[(i * rows)..]);
        return Solved(rented, rows, intercept, coefficients, errors, cancel);
    }

    static Outcome<RegressionFigures> Solved(Span<double> rented, int rows, bool intercept, Span<double> coefficients, Span<double> errors, CancellationToken cancel)
    {
        var parameters = coefficients.Length;
        Span<double> a = rented[..(rows * parameters)], y = rented.Slice(rows * parameters, rows);
        var exponents = ArrayPool<int>.Shared.Rent(parameters + 1);
        for (var i = 0; i <= parameters; i++)
            exponents[i] = Scale(rented.Slice(i * rows, rows));
        var residuals = ArrayPool<double>.Shared.Rent(rows);
        var r = residuals.AsSpan(0, rows);
        var dependent = LeastSquares.Solve(a, y, rows, coefficients, r, errors, cancel);
        var outcome = default(Outcome<RegressionFigures>);
        if (dependent >= 0)
        {
            outcome = new KernelError(KernelFault.RankDeficient, 0, intercept ? dependent - 1 : dependent);
        }
        else
        {
            var rest = Dot.Of(r, r);
            var deviation = rows > parameters ? Math.Sqrt(rest / (rows - parameters)) : double.NaN;
            for (var i = 0; i < parameters; i++)
            {
                coefficients[i] = Math.ScaleB(coefficients[i], exponents[i] - exponents[parameters]);
                errors[i] = Math.ScaleB(errors[i] * deviation, exponents[i] - exponents[parameters]);
            }
            var all = intercept ? Centered.Write(y, y) : Dot.Of(y, y);
            outcome = new RegressionFigures(rows, parameters, all == 0 ? double.NaN : 1 - (rest / all), Math.ScaleB(deviation, -exponents[parameters]));
        }
        ArrayPool<double>.Shared.Return(residuals);
        ArrayPool<int>.Shared.Return(exponents);
        return outcome;
    }

    /// <summary>Brings a column's largest value to between one and two; returns by which power of two.</summary>
    static int Scale(Span<double> column)
    {
        var largest = 0.0;
        foreach (var value in column)
            largest = Math.Max(largest, Math.Abs(value));
        var exponent = largest == 0 ? 0 : -Math.ILogB(largest);
        for (var i = 0; i < column.Length; i++)
            column[i] = Math.ScaleB(column[i], exponent);
        return exponent;
    }
}
