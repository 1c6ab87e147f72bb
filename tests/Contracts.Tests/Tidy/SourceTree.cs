
namespace Pipeline.Contracts.Tests.Tidy;

/// <summary>One file of the repository as the tidy tests see it.</summary>
sealed record SourceFile(string Path, string Text)
{
    public string[] Lines { get; } = Text.Split('\n');

    /// <summary>Without a last empty line, as <c>wc -l</c> counts.</summary>
    public int LineCount => Lines.Length - (Lines[^1].Length == 0 ? 1 : 0);

    public override string ToString() => Path;
}

static class SourceTree
{
    /// <summary>Fails with every offender on a line of its own.</summary>
    public static void None(IEnumerable<string> offenders)
    {
        var list = offenders.ToList();
        Assert.True(list.Count == 0, string.Join('\n', list));
    }

    static readonly string[] Skipped = ["obj", "bin", "node_modules", "dist", ".venv", "__pycache__"];

    /// <summary>Files with one of these endings in one of these folders of the repository; folders that do not exist yet hold none.</summary>
    public static IEnumerable<SourceFile> Files(string[] folders, params string[] endings) =>
        from folder in folders
        let root = Repository.Path(folder)
        where Directory.Exists(root)
        from path in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories)
        where endings.Any(e => path.EndsWith(e, StringComparison.Ordinal))
        let relative = System.IO.Path.GetRelativePath(Repository.Root, path)
        where !relative.Split(System.IO.Path.DirectorySeparatorChar).Any(Skipped.Contains)
        orderby relative
        select new SourceFile(relative, File.ReadAllText(path));

    public static IEnumerable<SourceFile> Code => Files(["src", "tests", "tools"], ".cs");

    public static IEnumerable<SourceFile> Product => Files(["src"], ".cs");
}
