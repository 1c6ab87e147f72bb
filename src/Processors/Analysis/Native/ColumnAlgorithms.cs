using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Analysis.Kernels;
using static Pipeline.Processors.Analysis.Native.NativeParameters;

namespace Pipeline.Processors.Analysis.Native;

/// <summary>What relates columns, each of shape (n), or matrices.</summary>
static class ColumnAlgorithms
{
    /// <summary>A million numbers of result.</summary>
    const int CorrelatedMax = 1000;

    public static IEnumerable<NativeAlgorithm> All =>
    [
        new("correlation", "1.0", "One series: its autocorrelation at lag. Two columns: Pearson's r. More: their matrix. Null where nothing varies.",
            "Pearson 1895; one series: Box and Jenkins 1970", "O(n · c²), c columns",
            new ParameterSet(Nan, new Parameter("lag", ParameterType.Integer, "Of one series.", 1) { Minimum = 0 }), new(0.02, 0.01), Series, Correlated),
        new("linear_regression", "1.0", "Ordinary least squares by Householder's QR, refined; of plain values on 0, 1, 2, ….",
            "Householder 1958; Björck 1967", "O(n · c²), c columns",
            new ParameterSet(Nan, new Parameter("target", ParameterType.Text, "The column to explain; default y, else the last."), new Parameter("intercept", ParameterType.Boolean, "Whether there is a constant.", true)), new(0.05, 0.05), Series, Regressed),
        new("matrix_multiply", "1.0", "The product of two matrices, given as rows.", "Goto and van de Geijn 2008", "O(n · m · p) for n × m by m × p",
            new ParameterSet(NanOfMatrix, new Parameter("matrix_a", ParameterType.Matrix, "The left one, rows x inner.") { IsRequired = true }, new Parameter("matrix_b", ParameterType.Matrix, "The right one, inner x columns.") { IsRequired = true }),
            new(0.05, 0.1), [], Multiplied),
    ];

    static void Correlated(NativeCall call)
    {
        var (names, columns) = call.Columns();
        if (columns.Count == 1)
        {
            call.Write("value", call.Check(Autocorrelation.Of(columns[0].Span, call.Arguments.Integer("lag"), call.Nan)));
            call.Write("lag", call.Arguments.Integer("lag"));
        }
        else if (columns.Count == 2)
        {
            CheckLengths(call, names, columns);
            call.Write("value", call.Check(Correlation.Of(columns[0].Span, columns[1].Span, call.Nan)));
        }
        else
        {
            CheckLengths(call, names, columns);
            if (columns.Count > CorrelatedMax)
                throw NativeCall.Fault(AnalysisFaultCode.TooLarge, $"A matrix of correlations has at most {CorrelatedMax} columns.", "/input/columns");
            var matrix = new double[columns.Count * columns.Count];
            call.Check(Correlation.Matrix([.. columns], call.Nan, matrix, call.Cancel));
            WriteNames(call, names);
            call.WriteMatrix("matrix", matrix, columns.Count);
        }
        call.Write("n", columns[0].Length);
    }

    static void CheckLengths(NativeCall call, IReadOnlyList<string> names, IReadOnlyList<ReadOnlyMemory<double>> columns)
    {
        if (columns.Any(c => c.Length != columns[0].Length))
            throw NativeCall.Fault(AnalysisFaultCode.InvalidInput, $"The columns differ in length ({string.Join(", ", names.Zip(columns, (n, c) => $"{n}: {c.Length}").Take(10))}).", "/input/columns");
    }

    static void WriteNames(NativeCall call, IReadOnlyList<string> names)
    {
        call.Json.WriteStartArray("columns");
        foreach (var name in names)
            call.Json.WriteStringValue(name);
        call.Json.WriteEndArray();
    }

    static void Regressed(NativeCall call)
    {
        var (names, columns) = call.Columns();
        CheckLengths(call, names, columns);
        var target = Target(call, names);
        var (y, x) = columns.Count == 1
            ? (columns[0], new List<(string Name, ReadOnlyMemory<double> Column)> { ("index", Enumerable.Range(0, columns[0].Length).Select(i => (double)i).ToArray()) })
            : (columns[target], [.. names.Zip(columns, (name, column) => (Name: name, Column: column)).Where((_, i) => i != target)]);
        var intercept = call.Arguments.Flag("intercept");
        var (coefficients, errors) = (new double[x.Count + (intercept ? 1 : 0)], new double[x.Count + (intercept ? 1 : 0)]);
        var figures = call.Check(LinearRegression.Of([.. x.Select(c => c.Column)], y.Span, intercept, call.Nan, coefficients, errors, call.Cancel));
        string[] of = intercept ? ["intercept", .. x.Select(c => c.Name)] : [.. x.Select(c => c.Name)];
        call.Json.WriteStartArray("coefficients");
        for (var i = 0; i < of.Length; i++)
        {
            call.Json.WriteStartObject();
            call.Json.WriteString("name", of[i]);
            call.Write("estimate", coefficients[i]);
            call.Write("standard_error", errors[i]);
            call.Json.WriteEndObject();
        }
        call.Json.WriteEndArray();
        call.Write("r_squared", figures.RSquared);
        call.Write("residual_deviation", figures.ResidualDeviation);
        call.Write("degrees_of_freedom", figures.Rows - figures.Parameters);
        call.Write("n", figures.Rows);
    }

    static int Target(NativeCall call, IReadOnlyList<string> names)
    {
        var target = call.Arguments.TextOrNone("target") ?? (names.Contains("y") ? "y" : names[^1]);
        for (var i = 0; i < names.Count; i++)
            if (names[i] == target)
                return i;
        throw NativeCall.Fault(AnalysisFaultCode.InvalidParameters, $"There is no column {target}; there are {string.Join(", ", names.Take(20))}.", "/parameters/target");
    }

    static void Multiplied(NativeCall call)
    {
        var (a, b) = (call.Arguments.Matrix("matrix_a"), call.Arguments.Matrix("matrix_b"));
        if ((long)a.Rows * b.Columns > AnalysisLimits.ValuesMax)
            throw NativeCall.Fault(AnalysisFaultCode.TooLarge, $"The product would have {(long)a.Rows * b.Columns} numbers; at most {AnalysisLimits.ValuesMax} are allowed.", "/parameters");
        var product = new double[a.Rows * b.Columns];
        call.Check(MatrixProduct.Of(a.Values, b.Values, a.Rows, a.Columns, b.Rows, b.Columns, call.Nan, product, call.Cancel));
        call.WriteMatrix("matrix", product, b.Columns);
        call.Write("rows", a.Rows);
        call.Write("columns", b.Columns);
    }
}
