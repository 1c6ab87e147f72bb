using System.Globalization;
using System.Xml;
using System.Xml.Linq;

namespace Pipeline.DevTool;

/// <summary>
/// Adds up xunit's XML reports: the failures and the reasons of skips above, the counts in the last line.
/// A report that is missing or cut off belongs to a run that crashed, and counts as a failure.
/// </summary>
static class TestSummary
{
    public static int Run(Arguments arguments)
    {
        int passed = 0, failed = 0, skipped = 0;
        foreach (var file in arguments.Words)
        {
            if (Load(file) is not { } report)
            {
                Console.WriteLine($"FAILED  {Path.GetFileNameWithoutExtension(file)}: it ended without a report");
                failed++;
                continue;
            }
            foreach (var assembly in report.Descendants("assembly"))
            {
                passed += Count(assembly, "passed");
                failed += Count(assembly, "failed") + Count(assembly, "errors");
                skipped += Count(assembly, "skipped");
            }
            PrintTests(report);
        }
        Console.WriteLine($"{passed} passed, {failed} failed" + (skipped > 0 ? $", {skipped} skipped" : ""));
        if (passed + failed == 0)
            throw new FailureException("no test ran");
        var skipsFail = Environment.GetEnvironmentVariable("CI") is "true" or "1";
        return failed > 0 || (skipsFail && skipped > 0) ? 1 : 0;
    }

    static XDocument? Load(string file)
    {
        try
        {
            return XDocument.Load(file);
        }
        catch (Exception e) when (e is IOException or XmlException)
        {
            return null;
        }
    }

    static int Count(XElement assembly, string name) => int.Parse(assembly.Attribute(name)?.Value ?? "0", CultureInfo.InvariantCulture);

    static void PrintTests(XDocument report)
    {
        foreach (var test in report.Descendants("test"))
        {
            var name = test.Attribute("name")?.Value;
            if (test.Attribute("result")?.Value == "Fail")
                Console.WriteLine($"FAILED  {name}: {FirstLine(test.Element("failure")?.Element("message")?.Value)}");
            if (test.Attribute("result")?.Value == "Skip")
                Console.WriteLine($"skipped {name}: {FirstLine(test.Element("reason")?.Value)}");
        }
    }

    static string FirstLine(string? text) => text?.Trim().Split('\n')[0] ?? "";
}
