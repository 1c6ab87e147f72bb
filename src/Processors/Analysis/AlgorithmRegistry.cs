using System.Text.Json;
using Pipeline.Contracts;
using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Analysis.Native;
using Pipeline.Processors.Analysis.Python;

namespace Pipeline.Processors.Analysis;

/// <summary>Who executes a request: one of the two is not null.</summary>
sealed record ChosenAlgorithm(NativeAlgorithm? Native, AlgorithmDescription? Python)
{
    public AlgorithmDescription Description => Native?.Description ?? Python!;

    public string Engine => Native is null ? "python" : "native";

    /// <summary>Which text of a Python file answers, and of what it shares with others: an edited file is another algorithm to the cache, whatever version it says.</summary>
    public string Code { get; init; } = "native";
}

/// <summary>What can be asked for: the native algorithms, and those of the Python files that are there now.</summary>
sealed class AlgorithmRegistry(PythonEngine python)
{
    /// <summary>By name. Of one that exists in both the native one, which is what runs unless it is not preferred.</summary>
    public IReadOnlyList<AlgorithmDescription> All =>
    [
        .. NativeAlgorithms.ByName.Values.Select(a => a.Description)
            .Concat(python.Catalogue.Entries.Values.Where(e => !NativeAlgorithms.ByName.ContainsKey(e.Algorithm.Name)).Select(e => e.Algorithm)).OrderBy(a => a.Name, StringComparer.Ordinal),
    ];

    /// <exception cref="AnalysisException">Nobody has this algorithm, or nobody who may be asked.</exception>
    public ChosenAlgorithm Choose(AnalysisRequest request)
    {
        var native = NativeAlgorithms.ByName.GetValueOrDefault(request.Algorithm);
        var entry = python.Catalogue.Entries.GetValueOrDefault(request.Algorithm);
        var other = entry?.Algorithm;
        if (native is null && other is null)
            throw Unknown(request.Algorithm);
        if (native is null && !request.Options.AllowPython)
            throw new AnalysisException(new AnalysisFault(AnalysisFaultCode.NotAllowed, $"{request.Algorithm} exists in Python only, which options.allow_python forbids.", "/options/allow_python"));
        return native is null || (other is not null && request.Options.AllowPython && (!request.Options.PreferNative || OnlyPythonKnows(request.Parameters, native, other)))
            ? new ChosenAlgorithm(null, other) { Code = $"python {entry!.Digest} {python.Pool.Generation}" } : new ChosenAlgorithm(native, null);
    }

    /// <summary>Whether the parameters name one that the Python version has and the native one has not.</summary>
    static bool OnlyPythonKnows(JsonElement? parameters, NativeAlgorithm native, AlgorithmDescription other) => parameters is { } given
        && given.EnumerateObject().Any(p => !Has(native.Description, p.Name) && Has(other, p.Name));

    static bool Has(AlgorithmDescription algorithm, string parameter) => algorithm.Parameters.TryGetProperty("properties", out var properties) && properties.TryGetProperty(parameter, out _);

    /// <summary>While Python's algorithms cannot be had, nobody knows whether this is one of them: another engine may, or this one later.</summary>
    AnalysisException Unknown(string name)
    {
        var near = NearNames.Like(name, NativeAlgorithms.ByName.Keys.Concat(python.Catalogue.Entries.Keys).Distinct());
        var (code, missing) = python.State.Status == PythonStatus.Ready && python.Catalogue.IsLate ? (AnalysisFaultCode.Unavailable, " Some of Python's files are still being imported.")
            : python.State.Status is PythonStatus.Ready or PythonStatus.Off ? (AnalysisFaultCode.UnknownAlgorithm, python.State.Status == PythonStatus.Ready ? "" : $" Python's are not to be had here: {python.State.Reason}.")
            : (AnalysisFaultCode.Unavailable, $" Python's are not to be had now: {python.State.Reason}.");
        return new AnalysisException(new AnalysisFault(code, $"There is no algorithm {NearNames.Shown(name)}{(near.Count > 0 ? $"; near: {string.Join(", ", near)}" : "")}.{missing}", "/algorithm"));
    }
}
