namespace Pipeline.DevTool;

/// <summary>Adds up test reports: failures and the reasons of skips above, the counts in the last line.</summary>
static class TestSummary
{
    public static int Run(Arguments arguments)
    {
        var tests = arguments.Words.SelectMany(TestReport.Read).ToList();
        foreach (var test in tests.Where(test => test.Result != TestResult.Passed).OrderBy(test => test.Result == TestResult.Failed))
            Console.WriteLine($"{(test.Result == TestResult.Failed ? "FAILED " : "skipped")} {test.Name}: {FirstLine(test.Message)}");
        int passed = Count(TestResult.Passed), failed = Count(TestResult.Failed), skipped = Count(TestResult.Skipped);
        var nothingRan = passed + failed == 0;
        var skipsFail = Environment.GetEnvironmentVariable("CI") is "true" or "1";
        if (nothingRan)
            Console.Error.WriteLine("no test ran");
        else if (failed == 0 && skipsFail && skipped > 0)
            Console.Error.WriteLine("a skipped test fails here, because CI is set");
        Console.WriteLine($"{passed} passed, {failed} failed" + (skipped > 0 ? $", {skipped} skipped" : ""));
        return nothingRan || failed > 0 || (skipsFail && skipped > 0) ? 1 : 0;

        int Count(TestResult result) => tests.Count(test => test.Result == result);
    }

    static string FirstLine(string text) => text.Trim().Split('\n')[0].TrimEnd();
}
