namespace Pipeline.Contracts.Tests.Tidy;

/// <summary>The working tree that is tested: <c>PIPELINE_REPO</c>, else the folder above this test that holds the solution.</summary>
static class Repository
{
    public static string Root { get; } = Find();

    public static string Path(string relative) => System.IO.Path.Combine(Root, relative);

    static string Find()
    {
        if (Environment.GetEnvironmentVariable("PIPELINE_REPO") is { Length: > 0 } given)
            return given;
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "Pipeline.sln")))
                return folder.FullName;
        throw new InvalidOperationException("Pipeline.sln is in no folder above the tests; set PIPELINE_REPO.");
    }
}
