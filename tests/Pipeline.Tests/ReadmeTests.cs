using System.Diagnostics;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>What the README tells a newcomer to type works as it stands there.</summary>
public sealed class ReadmeTests
{
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
        Assert.Equal(["./dev demo", "./dev test"], Commands().Where(c => !c.StartsWith("curl ", StringComparison.Ordinal)));
        Assert.Equal(2, Commands().Count(c => c.StartsWith("curl ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task The_demo_ends_with_a_conservation_difference_of_zero_and_leaves_nothing_behind()
    {
        var (exitCode, output) = await BashAsync("./dev demo", DemoDeadline);
        Assert.True(exitCode == 0, output);
        Assert.Equal("conservation difference: 0", output.TrimEnd().Split('\n')[^1]);
        Assert.False(Directory.Exists(Path.Combine(TestServers.Repository, ".dev", "demo", "data")));
    }

    [Fact]
    public async Task The_batch_is_accepted_and_the_figures_are_read()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(2);
        await pipeline.StartProcessorsAsync();
        var ingest = await pipeline.StartIngestAsync();
        var curls = Commands().Where(c => c.StartsWith("curl ", StringComparison.Ordinal)).ToList();
        var address = $"INGEST_URL={ingest.Url.ToString().TrimEnd('/')}; ";

        var (sent, accepted) = await BashAsync(address + curls[0], TimeSpan.FromSeconds(30));
        Assert.True(sent == 0, accepted);
        Assert.Contains("\"status\":\"success\"", accepted, StringComparison.Ordinal);
        await pipeline.StoredToTheEndAsync();
        var (_, figures) = await BashAsync(address + curls[1], TimeSpan.FromSeconds(30));
        Assert.Contains("\"total_annotations\":1", figures, StringComparison.Ordinal);
    }

    static async Task<(int ExitCode, string Output)> BashAsync(string command, TimeSpan deadline)
    {
        var start = new ProcessStartInfo("bash", ["-c", command + " 2>&1"]) { WorkingDirectory = TestServers.Repository, RedirectStandardOutput = true, RedirectStandardInput = true };
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        using var stop = new CancellationTokenSource(deadline);
        try
        {
            var output = await process.StandardOutput.ReadToEndAsync(stop.Token);
            await process.WaitForExitAsync(stop.Token);
            return (process.ExitCode, output);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{command} did not end within {deadline}");
        }
    }
}
