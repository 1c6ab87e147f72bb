using System.Globalization;
using System.Xml.Linq;

namespace Pipeline.DevTool;

/// <summary>Line coverage by assembly. A line counts as covered when any of the reports covers it.</summary>
static class Coverage
{
    public static int Run(Arguments arguments)
    {
        var lines = new Dictionary<(string Package, string File, int Line), bool>();
        foreach (var package in arguments.Words.SelectMany(file => XDocument.Load(file).Descendants("package")))
        foreach (var type in package.Descendants("class"))
        foreach (var line in type.Elements("lines").Elements("line"))
        {
            var key = (package.Attribute("name")!.Value, type.Attribute("filename")!.Value,
                int.Parse(line.Attribute("number")!.Value, CultureInfo.InvariantCulture));
            lines[key] = lines.GetValueOrDefault(key) || line.Attribute("hits")!.Value != "0";
        }
        Console.WriteLine("line coverage:");
        foreach (var package in lines.GroupBy(line => line.Key.Package).OrderBy(group => group.Key, StringComparer.Ordinal))
            Console.WriteLine($"  {package.Key,-32}{100.0 * package.Count(line => line.Value) / package.Count(),6:0.0} %  of {package.Count()} lines");
        return 0;
    }
}
