using System.Globalization;
using System.Text.RegularExpressions;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>What the README tells a newcomer to type works as it stands there.</summary>
public sealed class ReadmeTests
{
    const string Simulate = "./dev simulate --users 20 --days 10";

    static readonly TimeSpan DemoDeadline = TimeSpan.FromMinutes(8);

    static List<string> Commands()
    {
        var commands = new List<string>();
        var inside = false;
        foreach (var line in File.ReadLines(Path.Combine(TestServers.Repository, "README.md")))
        {
            if (line.StartsWith("```", StringComparison.Ordinal))
                inside = line == "```sh";
            else if (inside)
                commands.Add(line);
        }
        return commands;
    }

    [Fact]
    public void Its_commands_are_those_that_are_tested_here()
    {
        Assert.Equal(["./dev demo", "./dev test", Simulate], Commands().Where(c => !c.StartsWith("curl ", StringComparison.Ordinal)));
        Assert.Equal(3, Commands().Count(c => c.StartsWith("curl ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task The_demo_ends_with_a_conservation_difference_of_zero_and_leaves_nothing_behind()
    {
        var (exitCode, output) = await Bash.RunAsync("./dev demo", DemoDeadline);
        Assert.True(exitCode == 0, output);
        Assert.Equal("conservation difference: 0", output.TrimEnd().Split('\n')[^1]);
        Assert.False(Directory.Exists(Path.Combine(TestServers.Repository, ".dev", "demo", "data")));
    }

    [Fact]
    public async Task The_batch_is_accepted_and_the_figures_are_read()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(2);
        var processors = await pipeline.StartProcessorsAsync(("Pipeline__Processors__Roles", "events-postgres,engine"), ("Pipeline__Analysis__Python", "off"));
        var ingest = await pipeline.StartIngestAsync(("Pipeline__Analysis__Engines__0", processors.Url.ToString()));
        var curls = Commands().Where(c => c.StartsWith("curl ", StringComparison.Ordinal)).ToList();
        var address = $"INGEST_URL={ingest.Url.ToString().TrimEnd('/')}; ";

        var (sent, accepted) = await Bash.RunAsync(address + curls[0], TimeSpan.FromSeconds(30));
        Assert.True(sent == 0, accepted);
        Assert.Contains("\"status\":\"success\"", accepted, StringComparison.Ordinal);
        await pipeline.StoredToTheEndAsync();
        var (_, figures) = await Bash.RunAsync(address + curls[1], TimeSpan.FromSeconds(30));
        Assert.Contains("\"total_annotations\":1", figures, StringComparison.Ordinal);
        var (_, summary) = await Bash.RunAsync(address + curls[2], TimeSpan.FromSeconds(30));
        Assert.Contains("\"count\":8,\"min\":1", summary, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_simulation_is_accepted_as_a_whole_and_stored()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync();
        await pipeline.StartProcessorsAsync();
        var ingest = await pipeline.StartIngestAsync();
        var (exitCode, output) = await Bash.RunAsync($"INGEST_URL={ingest.Url} {Simulate}", TimeSpan.FromMinutes(3));
        Assert.True(exitCode == 0, output);
        var sent = Regex.Match(output, @"(?m)^(\d+) sent, (\d+) accepted, 0 refused");
        Assert.True(sent.Success, output);
        await pipeline.StoredToTheEndAsync();
        var stored = await pipeline.Database.OutcomesAsync();
        Assert.Equal(new Outcomes(Stored: long.Parse(sent.Groups[1].Value, CultureInfo.InvariantCulture)), stored);
        Assert.InRange(stored.Stored, 10_000, 1_000_000);
        Assert.Equal(7, await pipeline.Database.ValueAsync<long>("SELECT count(DISTINCT event_type) FROM rev_1.events"));
        await pipeline.Watch.AssertAlwaysZeroAsync();
    }
}
