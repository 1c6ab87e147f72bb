using System.Globalization;
using System.Xml.Linq;

namespace Pipeline.DevTool;

/// <summary>Line coverage by assembly of the product. A line counts as covered when any of the reports covers it.</summary>
static class Coverage
{
    public static int Run(Arguments arguments)
    {
        var lines = new Dictionary<(string Assembly, string File, int Line), bool>();
        foreach (var package in arguments.Words.SelectMany(file => XDocument.Load(file).Descendants("package")))
        foreach (var type in package.Descendants("class"))
        foreach (var line in type.Elements("lines").Elements("line"))
        {
            var key = (Path.GetFileNameWithoutExtension(package.Attribute("name")!.Value), type.Attribute("filename")!.Value,
                int.Parse(line.Attribute("number")!.Value, CultureInfo.InvariantCulture));
            lines[key] = lines.GetValueOrDefault(key) || line.Attribute("hits")!.Value != "0";
        }
        Console.WriteLine("line coverage:");
        foreach (var assembly in lines.GroupBy(line => line.Key.Assembly).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            int all = assembly.Count(), covered = assembly.Count(line => line.Value);
            if (IsProduct(assembly.Key))
                Console.WriteLine($"  {assembly.Key,-32}{100.0 * covered / all,6:0.0} %  of {all} lines");
        }
        return 0;
    }

    static bool IsProduct(string assembly) =>
        assembly.StartsWith("pipeline.", StringComparison.OrdinalIgnoreCase)
        && !assembly.EndsWith(".tests", StringComparison.OrdinalIgnoreCase);
}
