using System.ComponentModel.DataAnnotations;

namespace Pipeline.Processors.Analysis.Python;

public enum PythonUse
{
    On,

    /// <summary>No interpreter is looked for; only native algorithms run.</summary>
    Off,
}

/// <summary>How the Python algorithms are found, run and bounded. Part of section <c>Pipeline:Analysis</c> (<see cref="AnalysisSettings"/>).</summary>
public class PythonOptions : IValidatableObject
{
    /// <summary><c>on</c> or <c>off</c>. Default on.</summary>
    public PythonUse Python { get; set; } = PythonUse.On;

    /// <summary>The interpreter. Default: the first of <c>python3</c> on PATH and <c>/usr/bin/python3</c> that has the packages.</summary>
    public string PythonInterpreter { get; set; } = "";

    /// <summary>The folder that holds <c>worker.py</c>. Default: <c>python</c> beside the host or above it.</summary>
    public string PythonFolder { get; set; } = "";

    /// <summary>The folder of the algorithms' files. Default: <c>algorithms</c> in <see cref="PythonFolder"/>.</summary>
    public string PythonAlgorithms { get; set; } = "";

    /// <summary>Workers, that is calls that run at a time. Default: one a core.</summary>
    [Range(1, 256)]
    public int PythonWorkersMax { get; set; } = Environment.ProcessorCount;

    /// <summary>Calls that may wait for a worker; one more is refused. Default 64.</summary>
    [Range(1, 100_000)]
    public int PythonWaitersMax { get; set; } = 64;

    /// <summary>Bytes of a call's arrays, and again of its result's. Default 64 MiB: 8 Mi numbers.</summary>
    [Range(64 * 1024, 1024 * 1024 * 1024)]
    public int PythonArrayBytesMax { get; set; } = 64 * 1024 * 1024;

    /// <summary>Memory of a worker on top of what the libraries take. Default 1 GiB.</summary>
    [Range(64L * 1024 * 1024, 1L << 40)]
    public long PythonMemoryBytesMax { get; set; } = 1L << 30;

    /// <summary>Calls after which a worker is replaced. Default 1,000.</summary>
    [Range(1, int.MaxValue)]
    public int PythonWorkerCallsMax { get; set; } = 1000;

    /// <summary>Age after which a worker is replaced. Default an hour.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "7.00:00:00")]
    public TimeSpan PythonWorkerAgeMax { get; set; } = TimeSpan.FromHours(1);

    /// <summary>Resident bytes, those of the libraries included, after which a worker is replaced. Default 512 MiB.</summary>
    [Range(64L * 1024 * 1024, 1L << 40)]
    public long PythonWorkerResidentBytesMax { get; set; } = 512L << 20;

    /// <summary>How long the libraries may take to be imported. Default a minute.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan PythonStartTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a file of algorithms may take to be imported. Default 20 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00")]
    public TimeSpan PythonImportTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>How often the algorithms' folder is looked at. Default a second.</summary>
    [Range(typeof(TimeSpan), "00:00:00.05", "00:10:00")]
    public TimeSpan PythonWatchInterval { get; set; } = TimeSpan.FromSeconds(1);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Python == PythonUse.On && PythonFolder.Length > 0 && !File.Exists(Path.Combine(PythonFolder, "worker.py")))
            yield return new ValidationResult($"{PythonFolder} holds no worker.py.", [nameof(PythonFolder)]);
        if (Python == PythonUse.On && PythonAlgorithms.Length > 0 && !Directory.Exists(PythonAlgorithms))
            yield return new ValidationResult($"{PythonAlgorithms} is no folder.", [nameof(PythonAlgorithms)]);
        if (PythonArrayBytesMax % 8 != 0)
            yield return new ValidationResult("It must be a multiple of 8.", [nameof(PythonArrayBytesMax)]);
    }

    /// <summary>The folder of worker.py, or null.</summary>
    public string? FindFolder()
    {
        if (PythonFolder.Length > 0)
            return PythonFolder;
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
            if (File.Exists(Path.Combine(folder, "python", "worker.py")))
                return Path.Combine(folder, "python");
        return null;
    }

    public string AlgorithmsIn(string folder) => PythonAlgorithms.Length > 0 ? PythonAlgorithms : Path.Combine(folder, "algorithms");
}
