using System.Xml;
using System.Xml.Linq;

namespace Pipeline.DevTool;

enum TestResult { Passed, Failed, Skipped }

/// <param name="Message">Why it failed or was skipped.</param>
sealed record TestCase(string Name, TestResult Result, string Message);

/// <summary>Reads the report of one run: xunit's own XML, or a TRX file where the coverage collector ran the tests.</summary>
static class TestReport
{
    static readonly XNamespace Trx = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";

    /// <summary>A report that is missing or cut off belongs to a run that crashed, and counts as one failure.</summary>
    public static List<TestCase> Read(string file)
    {
        try
        {
            var report = XDocument.Load(file);
            return report.Root!.Name.LocalName == "TestRun" ? [.. FromTrx(report)] : [.. FromXunit(report)];
        }
        catch (Exception e) when (e is IOException or XmlException)
        {
            return [new TestCase(Path.GetFileNameWithoutExtension(file), TestResult.Failed, "it ended without a report")];
        }
    }

    static IEnumerable<TestCase> FromXunit(XDocument report)
    {
        foreach (var test in report.Descendants("test"))
        {
            var name = test.Attribute("name")?.Value ?? "";
            var result = test.Attribute("result")?.Value;
            if (result == "Pass")
                yield return new TestCase(name, TestResult.Passed, "");
            else if (result == "Skip")
                yield return new TestCase(name, TestResult.Skipped, test.Element("reason")?.Value ?? "");
            // Tests marked as explicit are not part of a run.
            else if (result != "NotRun")
                yield return new TestCase(name, TestResult.Failed, test.Element("failure")?.Element("message")?.Value ?? "");
        }
        // What failed outside of any test: fixtures, clean-up, the run itself.
        foreach (var error in report.Descendants("error"))
            yield return new TestCase(error.Attribute("name")?.Value ?? error.Attribute("type")?.Value ?? "run", TestResult.Failed,
                error.Descendants("message").FirstOrDefault()?.Value ?? "");
    }

    static IEnumerable<TestCase> FromTrx(XDocument report)
    {
        foreach (var test in report.Descendants(Trx + "UnitTestResult"))
        {
            var result = test.Attribute("outcome")?.Value switch
            {
                "Passed" => TestResult.Passed,
                "NotExecuted" => TestResult.Skipped,
                _ => TestResult.Failed,
            };
            var message = test.Descendants(Trx + "Message").FirstOrDefault()?.Value ?? "";
            yield return new TestCase(test.Attribute("testName")?.Value ?? "", result, message);
        }
    }
}
