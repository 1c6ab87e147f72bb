using Pipeline.Faults.Harness;
using Pipeline.Faults.Servers;
using Pipeline.Pipeline.Tests.Harness;

[assembly: AssemblyFixture(typeof(Pipeline.Faults.Report))]

namespace Pipeline.Faults;

/// <summary>Two lanes of the same test, side by side. Their cases exist only at run time.</summary>
public sealed class FirstLaneTests(Lane lane) : FaultTests(lane), IClassFixture<Lane>
{
    public static IEnumerable<TheoryDataRow<string, int>> Cases() => CasesOf(0);

    [Theory]
    [MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public Task Holds(string fault, int seed) => HoldsAsync(fault, seed);
}

public sealed class SecondLaneTests(Lane lane) : FaultTests(lane), IClassFixture<Lane>
{
    public static IEnumerable<TheoryDataRow<string, int>> Cases() => CasesOf(1);

    [Theory]
    [MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public Task Holds(string fault, int seed) => HoldsAsync(fault, seed);
}

public abstract class FaultTests(Lane lane)
{
    /// <summary>Where one fault is asked for by name, the other lane has none; a theory without a case would be an error.</summary>
    const string Idle = "(this lane has no fault)";

    protected static IEnumerable<TheoryDataRow<string, int>> CasesOf(int lane) =>
        Selection.Of(lane).Select(c => (c.Fault.Name, c.Seed)).DefaultIfEmpty((Idle, 0)).Select(c => new TheoryDataRow<string, int>(c.Item1, c.Item2));

    protected async Task HoldsAsync(string name, int seed)
    {
        if (name == Idle)
            return;
        var fault = Catalogue.Faults.Named(name);
        if (Missing(fault.Needs) is { } missing)
            Assert.Skip($"{name}: {missing}");
        Seeds.Say($"seed {seed} (PIPELINE_FAULTS='{name}' PIPELINE_TEST_SEED={seed} repeats it)");
        CourseReport report;
        try
        {
            report = await new FaultCourse(lane, fault, seed).RunAsync();
        }
        catch (Exception e)
        {
            Report.Add($"| {name} | {seed} | | | | | | | | | | | BROKEN: {e.Message.Split('\n')[0]} |");
            throw;
        }
        Report.Add(report.ToString());
        Seeds.Say(report.Resources);
        Assert.True(report.Findings.Count == 0, string.Join('\n', report.Findings));
    }

    static string? Missing(Need needs) =>
        TestServers.Toolbox is null ? "PIPELINE_TOOLBOX names no folder of servers that this suite could start for itself and harm"
        : needs.HasFlag(Need.Root) && !Lane.IsRoot ? "it mounts a small file system, which needs root"
        : needs.HasFlag(Need.Rabbit) && !OwnRabbit.IsInstalled ? "RabbitMQ is missing (package rabbitmq-server)"
        : needs.HasFlag(Need.Python) && !PythonWorkers.IsInstalled ? "no Python interpreter has the algorithms' packages"
        : needs.HasFlag(Need.FakeTime) && !File.Exists(Catalogue.FakeTime.Library) ? "libfaketime is missing (package libfaketime)"
        : null;
}
