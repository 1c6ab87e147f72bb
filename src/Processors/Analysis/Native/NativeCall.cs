using System.Text.Json;
using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Analysis.Kernels;

namespace Pipeline.Processors.Analysis.Native;

/// <summary>An algorithm of this process. <paramref name="Run"/> writes the fields of the result's object.</summary>
/// <param name="Run">Throws <see cref="AnalysisException"/> for what cannot be answered.</param>
sealed record NativeAlgorithm(string Name, string Version, string Summary, string Source, string Complexity, ParameterSet Parameters, AlgorithmCost Cost, string[] Reads, Action<NativeCall> Run)
{
    public AlgorithmDescription Description { get; } = new(Name, Version, Parameters.Schema, Cost, Reads, Summary, Source, Complexity);
}

/// <summary>One call of a native algorithm.</summary>
sealed class NativeCall(Arguments arguments, AnalysisInput? input, Utf8JsonWriter json, CancellationToken cancel)
{
    public Arguments Arguments => arguments;

    public CancellationToken Cancel => cancel;

    public NanPolicy Nan => arguments.Text("nan") switch { "propagate" => NanPolicy.Propagate, "omit" => NanPolicy.Omit, _ => NanPolicy.Raise };

    public QuantileMethod Method => (QuantileMethod)(Array.IndexOf(NativeParameters.Methods, arguments.Text("method")) + (int)QuantileMethod.R1);

    /// <summary>The one series: the values, or the only column.</summary>
    public ReadOnlySpan<double> Series() => input switch
    {
        ValuesInput one => one.Values.Span,
        ColumnsInput { Columns: [var only] } => only.Span,
        ColumnsInput many => throw Fault(AnalysisFaultCode.InvalidInput, $"One series is wanted; there are {many.Columns.Count} columns."),
        _ => throw Fault(AnalysisFaultCode.InvalidInput, "One series is wanted: values, f64le, or a single column."),
    };

    /// <summary>All columns; plain values are one.</summary>
    public (IReadOnlyList<string> Names, IReadOnlyList<ReadOnlyMemory<double>> Columns) Columns() => input switch
    {
        ColumnsInput many => (many.Names, many.Columns),
        ValuesInput one => (["values"], [one.Values]),
        _ => throw Fault(AnalysisFaultCode.InvalidInput, "Columns are wanted, or values."),
    };

    public void Check(KernelError error)
    {
        if (error.Fault == KernelFault.None)
            return;
        throw error.Fault switch
        {
            KernelFault.Empty or KernelFault.TooFewValues => Fault(AnalysisFaultCode.TooFewValues, Sentence(error.Message)),
            KernelFault.BadParameter => new AnalysisException(new AnalysisFault(AnalysisFaultCode.InvalidParameters, Sentence(error.Message), $"/parameters/{error.Parameter}")),
            _ => Fault(AnalysisFaultCode.InvalidInput, Sentence(error.Message)),
        };
    }

    public T Check<T>(Outcome<T> outcome)
    {
        Check(outcome.Error);
        return outcome.Value;
    }

    public void Write(string name, double value)
    {
        json.WritePropertyName(name);
        WriteValue(value);
    }

    public void Write(string name, long value) => json.WriteNumber(name, value);

    public void Write(string name, ReadOnlySpan<double> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
            WriteValue(value);
        json.WriteEndArray();
    }

    public void Write(string name, ReadOnlySpan<long> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
            json.WriteNumberValue(value);
        json.WriteEndArray();
    }

    /// <summary>An array of arrays, row by row.</summary>
    public void WriteMatrix(string name, ReadOnlySpan<double> values, int columns)
    {
        json.WriteStartArray(name);
        for (; values.Length > 0; values = values[columns..])
        {
            json.WriteStartArray();
            foreach (var value in values[..columns])
                WriteValue(value);
            json.WriteEndArray();
        }
        json.WriteEndArray();
    }

    /// <summary>For what has a shape of its own.</summary>
    public Utf8JsonWriter Json => json;

    /// <summary>JSON has no NaN and no infinity.</summary>
    public void WriteValue(double value)
    {
        if (double.IsFinite(value))
            json.WriteNumberValue(value);
        else
            json.WriteNullValue();
    }

    public static AnalysisException Fault(AnalysisFaultCode code, string message, string path = "/input") => new(new AnalysisFault(code, message, path));

    static string Sentence(string message) => $"{char.ToUpperInvariant(message[0])}{message.AsSpan(1)}.";
}
