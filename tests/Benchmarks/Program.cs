using Pipeline.Benchmarks;

// ./dev bench [ingest] [events-postgres] [events-influx] [failure-cost] [hand-over] [retry-load] [queries] [python] [python-in-host] [algorithms] [algorithm-page] [analysis] [analysis-requests] [analysis-transport] [--quick] [--against FILE] [--save FILE]
if (args is ["embedded-python", var mode])
    return EmbeddedPython.Run(mode);
var options = args.Where(a => a.StartsWith("--", StringComparison.Ordinal)).ToHashSet();
string? After(string option) => Array.IndexOf(args, option) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
var files = new[] { After("--against"), After("--save") };
var names = args.Where(a => !a.StartsWith("--", StringComparison.Ordinal) && !files.Contains(a)).ToList();
var known = new Dictionary<string, Func<Servers, Report, bool, Task>>
{
    ["ingest"] = IngestBenchmark.RunAsync,
    ["events-postgres"] = PostgresBenchmark.RunAsync,
    ["events-influx"] = InfluxBenchmark.RunAsync,
    ["failure-cost"] = FailureCostBenchmark.RunAsync,
    ["hand-over"] = HandOverBenchmark.RunAsync,
    ["retry-load"] = RetryLoadBenchmark.RunAsync,
    ["queries"] = QueriesBenchmark.RunAsync,
    ["python"] = PythonBenchmark.RunAsync,
    ["python-in-host"] = PythonInHostBenchmark.RunAsync,
    ["algorithms"] = AlgorithmsBenchmark.RunAsync,
    ["algorithm-page"] = AlgorithmsBenchmark.WritePageAsync,
    ["analysis"] = AnalysisBenchmark.RunAsync,
    ["analysis-requests"] = AnalysisRequestsBenchmark.RunAsync,
    ["analysis-transport"] = AnalysisTransportBenchmark.RunAsync,
};
if (names.Except(known.Keys).Any())
{
    Console.Error.WriteLine($"unknown benchmark {string.Join(", ", names.Except(known.Keys))}; known are {string.Join(", ", known.Keys)}");
    return 2;
}
var servers = new Servers();
var report = new Report();
foreach (var name in names.Count > 0 ? names : [.. known.Keys])
{
    report.Line($"== {name} ({Environment.ProcessorCount} cores, {DateTimeOffset.UtcNow:yyyy-MM-dd})");
    await known[name](servers, report, options.Contains("--quick"));
}
if (After("--save") is { } save)
    report.Save(save);
if (After("--against") is { } against)
    report.Against(against);
return 0;
