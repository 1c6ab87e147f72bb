using System.Text.RegularExpressions;

namespace Pipeline.Contracts.Tests.Tidy;

public sealed partial class WordTests
{
    /// <summary>Unfinished work, blocked threads, clocks that a test cannot set.</summary>
    static readonly string[] Banned =
    [
        @"\bTODO\b", @"\bFIXME\b", @"\bHACK\b", @"\bNotImplementedException\b", @"\bThread\.Sleep\b", @"\.GetAwaiter\(\)\.GetResult\(\)", @"\basync void\b",
        @"\bDateTime\.(Utc)?Now\b", @"\bDateTime\.Today\b", @"\bDateTimeOffset\.(Utc)?Now\b", @"Async\([^()]*\)\.Result\b", @"\b[Tt]ask\w*\.Result\b", @"\.Wait\(\)",
    ];

    static readonly string[] NamesThatSayNothing = ["Manager", "Helper", "Helpers", "Util", "Utils", "Utilities", "Base", "Impl", "Wrapper", "Data", "Info", "Service"];

    [Fact]
    public void The_product_holds_no_banned_word() =>
        SourceTree.None(from file in SourceTree.Files(["src"], ".cs", ".ts", ".sql")
                     from line in file.Lines.Index()
                     from word in Banned
                     where Regex.IsMatch(line.Item, word)
                     select $"{file.Path}:{line.Index + 1}: {line.Item.Trim()}");

    [Fact]
    public void Types_have_names_that_say_something() =>
        SourceTree.None(from file in SourceTree.Product
                     from Match type in TypeName().Matches(CSharpText.Blank(file.Text))
                     where NamesThatSayNothing.Any(n => type.Groups[1].Value.EndsWith(n, StringComparison.Ordinal))
                     select $"{file.Path}: {type.Groups[1].Value}");

    [Fact]
    public void Classes_are_sealed_or_static_unless_they_are_derived_from()
    {
        var code = SourceTree.Code.Select(f => (f.Path, Text: CSharpText.Blank(f.Text))).ToList();
        var all = string.Concat(code.Select(c => c.Text));
        SourceTree.None(from file in code
                     from Match type in OpenClass().Matches(file.Text)
                     let name = type.Groups[1].Value
                     where !Regex.IsMatch(all, $@"\bclass \w+(<[^>]*>)?(\([^{{]*\))? : {name}\b")
                     select $"{file.Path}: {name}");
    }

    [Fact]
    public void Tests_wait_for_what_they_wait_for_and_not_for_a_time() =>
        SourceTree.None(from file in SourceTree.Files(["tests"], ".cs")
                     from line in CSharpText.Blank(file.Text).Split('\n').Index()
                     where line.Item.Contains("Thread.Sleep", StringComparison.Ordinal)
                     select $"{file.Path}:{line.Index + 1}");

    [Fact]
    public void Tests_speak_to_this_machine_only() =>
        SourceTree.None(from file in SourceTree.Files(["tests"], ".cs", ".sh", ".json", ".yaml", ".yml")
                     where Path.GetFileName(file.Path) != "WordTests.cs"
                     from line in file.Lines.Index()
                     from Match address in Address().Matches(line.Item)
                     where !Loopback().IsMatch(address.Value)
                     select $"{file.Path}:{line.Index + 1}: {address.Value}");

    [GeneratedRegex(@"\b(?:class|struct|record|interface|enum) (?:struct |class )?([A-Z]\w*)")]
    private static partial Regex TypeName();

    [GeneratedRegex(@"(?m)^ *(?:public |internal |private |partial )*class ([A-Z]\w*)")]
    private static partial Regex OpenClass();

    [GeneratedRegex(@"(?:https?|postgres|postgresql|amqp|kafka)://[^/\s;""'{}$<\\()]+|\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b")]
    private static partial Regex Address();

    /// <summary>Loopback, a Unix socket (Kestrel writes <c>http://unix:/path</c>), and the names that RFC 2606 reserves: origins and addresses that are only compared.</summary>
    [GeneratedRegex(@"^(?:\w+://)?(?:[^@/]*@)?(?:127(?:\.\d+){3}|localhost|unix(?=:$)|\[::1\]|(?:[\w.-]+\.)?example(?:\.(?:com|org|net))?|[\w.-]+\.(?:invalid|test))(?::\d*)?$")]
    private static partial Regex Loopback();
}
