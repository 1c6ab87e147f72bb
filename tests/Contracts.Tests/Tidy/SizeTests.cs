using System.Text.RegularExpressions;

namespace Pipeline.Contracts.Tests.Tidy;

/// <summary>The hard limits of this house, so that nobody has to remember them.</summary>
public sealed partial class SizeTests
{
    const int FileLinesMax = 400, ProgramLinesMax = 60, MethodLinesMax = 70, DependenciesMax = 5;

    [Fact]
    public void No_file_is_longer_than_the_limit()
    {
        var files = SourceTree.Files(["src", "tests", "tools", "python"], ".cs", ".ts", ".tsx", ".py", ".sh").ToList();
        Assert.NotEmpty(files);
        SourceTree.None(files.Where(f => f.LineCount > Limit(f.Path)).Select(f => $"{f.Path}: {f.LineCount} lines, limit {Limit(f.Path)}"));
    }

    static int Limit(string path) => path.StartsWith("src", StringComparison.Ordinal) && Path.GetFileName(path) == "Program.cs" ? ProgramLinesMax : FileLinesMax;

    [Fact]
    public void No_method_is_longer_than_the_limit() =>
        SourceTree.None(SourceTree.Code.SelectMany(f => Methods(f.Text).Where(m => m.Lines > MethodLinesMax).Select(m => $"{f.Path}:{m.Line}: {m.Lines} lines")));

    [Fact]
    public void No_class_depends_on_more_than_five_others() =>
        SourceTree.None(SourceTree.Product.SelectMany(f => Constructors(f.Text).Where(c => c.Parameters > DependenciesMax).Select(c => $"{f.Path}: {c.Name} takes {c.Parameters}")));

    [Fact]
    public void Finds_a_long_method_and_a_wide_constructor()
    {
        var body = string.Concat(Enumerable.Repeat("        call(\"}\"); // }\n", 80));
        var code = $"sealed class Wide(A a, Func<int, int> b, (int, int) c, int plain, D d, E<F, G>[] e, F f)\n{{\n    void Long(int a)\n    {{\n{body}    }}\n\n    void Short() {{ }}\n}}\n";
        Assert.Equal([(3, 83)], Methods(code).Where(m => m.Lines > MethodLinesMax));
        Assert.Equal([("Wide", 6)], Constructors(code));
        Assert.Equal([("A", 0), ("A", 2)], Constructors("class A\n{\n    public A() { }\n    public A(B b, List<(int, int)> c) { }\n    int B(int a) => 1;\n}\n"));
    }

    /// <summary>Blocks that open behind a closing parenthesis at the level of a type's members: methods, constructors, operators.</summary>
    static IEnumerable<(int Line, int Lines)> Methods(string code)
    {
        var lines = CSharpText.Blank(code).Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            if (!MemberStart().IsMatch(lines[i]))
                continue;
            var indent = lines[i].Length - lines[i].TrimStart().Length;
            var open = i;
            while (open < lines.Length && lines[open].Trim() != "{" && !lines[open].TrimEnd().EndsWith(';') && open - i < 12)
                open++;
            if (open == lines.Length || lines[open].TrimEnd() != new string(' ', indent) + "{")
                continue;
            var close = Array.FindIndex(lines, open, l => l.TrimEnd() == new string(' ', indent) + "}");
            if (close > 0)
                yield return (i + 1, close - i + 1);
        }
    }

    static IEnumerable<(string Name, int Parameters)> Constructors(string code)
    {
        var text = CSharpText.Blank(code);
        foreach (Match type in TypeStart().Matches(text))
        {
            var name = type.Groups[1].Value;
            if (type.Groups[2].Success)
                yield return (name, Parameters(text, type.Groups[2].Index));
            foreach (Match constructor in Regex.Matches(text, $@"(?m)^\s+(?:public |internal |protected |private )?{name}\("))
                if (constructor.Value.TrimStart() != name + "(" || text.AsSpan(constructor.Index).IndexOf('{') is var brace && text.AsSpan(constructor.Index).IndexOf(';') is var end && (end < 0 || brace < end))
                    yield return (name, Parameters(text, constructor.Index + constructor.Length - 1));
        }
    }

    /// <summary>Parameters of a type that is no plain value: numbers, texts and truths are settings.</summary>
    static int Parameters(string text, int open)
    {
        int depth = 0, start = open + 1, count = 0;
        for (var i = open; i < text.Length; i++)
        {
            depth += text[i] is '(' or '[' or '<' or '{' ? 1 : text[i] is ')' or ']' or '}' || (text[i] == '>' && text[i - 1] != '=') ? -1 : 0;
            if (depth > 1 || (depth == 1 && text[i] != ','))
                continue;
            count += PlainValue().IsMatch(text[start..i].Trim()) ? 0 : 1;
            start = i + 1;
            if (depth == 0)
                break;
        }
        return count;
    }

    [GeneratedRegex(@"^$|^(?:int|long|double|float|bool|string|byte|short)\??\[?\]? ")]
    private static partial Regex PlainValue();

    [GeneratedRegex(@"^ +(?!if|for|foreach|while|switch|using|lock|catch|return|await|new|else|do\b|.*\b(?:class|record|struct|interface)\b)[A-Za-z\[(][^=;]*\(")]
    private static partial Regex MemberStart();

    /// <summary>Records and structs hold values, not dependencies.</summary>
    [GeneratedRegex(@"(?<!record |struct )\bclass (\w+)(?:<[^>]*>)?(\()?")]
    private static partial Regex TypeStart();
}
