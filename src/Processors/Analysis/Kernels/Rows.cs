namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>Columns of one length, one behind the other in an array, of which a policy keeps some rows.</summary>
static class Rows
{
    /// <summary>No columns, or columns that differ in length.</summary>
    public static KernelError Uneven(ReadOnlySpan<ReadOnlyMemory<double>> columns)
    {
        if (columns.IsEmpty)
            return KernelError.Empty;
        foreach (var column in columns)
            if (column.Length != columns[0].Length)
                return new(KernelFault.RaggedColumns, columns[0].Length, column.Length);
        return KernelError.None;
    }

    /// <summary>Moves the rows that are kept to the front of each column; a column still begins where it began.</summary>
    /// <param name="length">Of a column.</param>
    public static KernelError Keep(Span<double> columns, int length, int count, NanPolicy nan, out int rows)
    {
        rows = length;
        if (nan == NanPolicy.Raise && !NotFinite.AllFinite(columns[..(length * count)]))
            return KernelError.NotFinite(FirstNotFinite(columns, length, count));
        if (nan == NanPolicy.Omit && NotFinite.AnyNan(columns[..(length * count)]))
            rows = Omit(columns, length, count);
        return KernelError.None;
    }

    static int Omit(Span<double> columns, int length, int count)
    {
        var kept = 0;
        for (var row = 0; row < length; row++)
        {
            var whole = true;
            for (var i = 0; i < count; i++)
                whole &= !double.IsNaN(columns[(i * length) + row]);
            if (!whole)
                continue;
            for (var i = 0; i < count; i++)
                columns[(i * length) + kept] = columns[(i * length) + row];
            kept++;
        }
        return kept;
    }

    static int FirstNotFinite(ReadOnlySpan<double> columns, int length, int count)
    {
        for (var row = 0; row < length; row++)
            for (var i = 0; i < count; i++)
                if (!double.IsFinite(columns[(i * length) + row]))
                    return row;
        return length;
    }
}
