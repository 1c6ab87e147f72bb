using Pipeline.Benchmarks;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis;
using Pipeline.Processors.Analysis.Native;
using Pipeline.Processors.Tests.Analysis.Python;

namespace Pipeline.Processors.Tests.Analysis;

/// <summary>docs/algorithms.md says of the algorithms what they say of themselves, and what was measured of them.</summary>
[Collection(PythonFolder.Collection)]
public sealed class AlgorithmDocsTests
{
    [Fact]
    public void The_table_of_the_native_algorithms_is_what_the_registry_makes_of_it() => IsWritten("native", [.. NativeAlgorithms.ByName.Values.Select(a => a.Description)]);

    [Fact]
    public async Task The_table_of_the_Python_algorithms_is_what_their_files_make_of_it()
    {
        await using var folder = new PythonFolder(misbehaving: false);
        var files = Path.Combine(TestServers.Repository, "python", "algorithms");
        var python = await folder.NeededAsync(o => o.PythonAlgorithms = files);
        Assert.Empty(python.Catalogue.Faults);
        Assert.Equal(Directory.EnumerateFiles(files, "*.py").Count(), python.Catalogue.Entries.Count);
        IsWritten("python", [.. python.Catalogue.Entries.Values.Select(e => e.Algorithm)]);
    }

    static void IsWritten(string engine, AlgorithmDescription[] algorithms)
    {
        Assert.All(algorithms, a => Assert.False(string.IsNullOrWhiteSpace(a.Source) || string.IsNullOrWhiteSpace(a.Complexity), $"{a.Name} lacks its source or its complexity"));
        var page = File.ReadAllText(AlgorithmPage.PathIn(TestServers.Repository));
        var wanted = AlgorithmPage.With(page, engine, algorithms, AlgorithmPage.Measured(TestServers.Repository));
        Assert.True(page == wanted, $"docs/algorithms.md lags behind; ./dev bench algorithm-page writes it. It lacks:\n{string.Join('\n', wanted.Split('\n').Except(page.Split('\n')))}");
    }
}
