[assembly: AssemblyFixture(typeof(Pipeline.Pipeline.Tests.Harness.HostBuild))]
[assembly: CollectionBehavior(MaxParallelThreads = 3)]

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>
/// The built hosts, copied once a run: a build in the same tree would write over the files of running processes.
/// </summary>
public sealed class HostBuild : IDisposable
{
    static readonly Lazy<string> Copy = new(MakeCopy);

    /// <summary>The folder of a host, <c>Ingest</c>, <c>Processors</c> or the tests' own <c>FailingProcessor</c>.</summary>
    public static string Folder(string host) => Path.Combine(Copy.Value, host);

    static string MakeCopy()
    {
        var copy = Directory.CreateTempSubdirectory("pipeline-tests-").FullName;
        foreach (var host in (ReadOnlySpan<string>)["src/Ingest", "src/Processors", "tests/FailingProcessor"])
            if (Path.Combine(TestServers.Repository, host, "bin", "Release", "net10.0") is var built && Directory.Exists(built))
                CopyFolder(built, Path.Combine(copy, Path.GetFileName(host)));
        return copy;
    }

    static void CopyFolder(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        foreach (var folder in Directory.GetDirectories(from))
            CopyFolder(folder, Path.Combine(to, Path.GetFileName(folder)));
    }

    public void Dispose()
    {
        if (Copy.IsValueCreated)
            Directory.Delete(Copy.Value, recursive: true);
    }
}
