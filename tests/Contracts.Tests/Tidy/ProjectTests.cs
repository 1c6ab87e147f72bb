using System.Xml.Linq;

namespace Pipeline.Contracts.Tests.Tidy;

public sealed class ProjectTests
{
    static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Contracts"] = [],
        ["Sinks"] = ["Contracts"],
        ["Ingest"] = ["Contracts", "Sinks"],
        ["Processors"] = ["Contracts", "Sinks"],
        ["Cli"] = ["Contracts"],
    };

    [Fact]
    public void Projects_refer_only_to_those_below_them()
    {
        var projects = SourceTree.Files(["src"], ".csproj").ToList();
        Assert.NotEmpty(projects);
        foreach (var project in projects)
        {
            var name = Path.GetFileNameWithoutExtension(project.Path);
            Assert.Contains(name, Allowed.Keys);
            SourceTree.None(References(project).Except(Allowed[name]).Select(r => $"{name} refers to {r}"));
        }
    }

    [Fact]
    public void The_contract_refers_to_nothing_but_the_platform() =>
        Assert.Empty(XDocument.Parse(SourceTree.Files(["src/Contracts"], ".csproj").Single().Text).Descendants("PackageReference"));

    [Fact]
    public void The_oracle_shares_no_code_with_the_product()
    {
        var project = XDocument.Parse(SourceTree.Files(["tests/Oracle"], ".csproj").Single().Text);
        Assert.DoesNotContain(project.Descendants(), e => e.Name.LocalName is "ProjectReference" or "PackageReference" or "Reference" or "Compile" or "Import");
    }

    [Fact]
    public void The_stores_know_no_broker() =>
        SourceTree.None(SourceTree.Files(["src/Sinks", "src/Contracts"], ".cs", ".csproj").Where(f => f.Text.Contains("Confluent.Kafka", StringComparison.Ordinal)
            || f.Text.Contains("RabbitMQ.Client", StringComparison.Ordinal)).Select(f => f.Path));

    [Fact]
    public void No_project_has_a_name_that_says_nothing()
    {
        string[] banned = ["Core", "Common", "Shared", "Infrastructure", "Abstractions"];
        Assert.DoesNotContain(SourceTree.Files(["src", "tests", "tools"], ".csproj"), f => Path.GetFileNameWithoutExtension(f.Path).Split('.').Any(banned.Contains));
    }

    [Fact]
    public void Versions_stand_in_one_file() =>
        SourceTree.None(SourceTree.Files(["src", "tests", "tools"], ".csproj")
            .Where(f => XDocument.Parse(f.Text).Descendants("PackageReference").Any(r => r.Attribute("Version") is not null || r.Element("Version") is not null)).Select(f => f.Path));

    static IEnumerable<string> References(SourceFile project) =>
        XDocument.Parse(project.Text).Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value));
}
