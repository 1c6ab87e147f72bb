using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>What an operator types.</summary>
public sealed class HostCommandTests
{
    [Theory]
    [InlineData("Ingest", "pipeline-ingest ")]
    [InlineData("Processors", "pipeline-processors ")]
    public async Task Version_needs_no_settings(string host, string begins)
    {
        await using var process = new HostProcess(host, [], "--version");
        Assert.Equal(0, await process.ExitAsync(TimeSpan.FromSeconds(30)));
        Assert.Matches(begins + @"\d+\.\d+\.\d+", process.Output);
    }

    [Theory]
    [InlineData("Ingest")]
    [InlineData("Processors")]
    public async Task Validate_accepts_good_settings_and_names_every_error_of_bad_ones_at_once(string host)
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var (exitCode, output) = await pipeline.CommandAsync(host, ["--validate"]);
        Assert.Equal(0, exitCode);
        Assert.Contains("configuration: valid", output, StringComparison.Ordinal);
        Assert.False(await pipeline.Database.HasSchemaAsync(), "--validate changes nothing");

        (exitCode, output) = await pipeline.CommandAsync(host, ["--validate"], ("Pipeline__Kafka__BootstrapServers", ""), ("Pipeline__Postgres__ConnectionString", ""),
            ("Pipeline__Nonsense__Key", "1"), host == "Ingest" ? ("Pipeline__Ingest__BodyBytesMax", "5") : ("Pipeline__Processors__Roles", "events-postgres,cook"));
        Assert.Equal(1, exitCode);
        foreach (var named in (string[])["BootstrapServers", "ConnectionString", "Pipeline:Nonsense", host == "Ingest" ? "BodyBytesMax" : "cook"])
            Assert.Contains(named, output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Ingest", "Pipeline__Ingest__Nonsense")]
    [InlineData("Processors", "Pipeline__Kafka__Nonsense")]
    public async Task A_host_with_bad_settings_does_not_start_and_says_why(string host, string unknown)
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var (exitCode, output) = await pipeline.CommandAsync(host, [], (unknown, "1"));
        Assert.Equal(1, exitCode);
        Assert.Contains("Nonsense", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Ingest")]
    [InlineData("Processors")]
    public async Task Migrate_applies_once_says_so_and_may_run_twice_at_a_time(string host)
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var both = await Task.WhenAll(pipeline.CommandAsync(host, ["--migrate"]), pipeline.CommandAsync(host, ["--migrate"]));
        Assert.All(both, b => Assert.Equal(0, b.ExitCode));
        Assert.Single(both, b => b.Output.Contains("schema: applied control/0001_control.sql", StringComparison.Ordinal));
        Assert.Single(both, b => b.Output.Contains("schema: up to date", StringComparison.Ordinal));
        var (exitCode, output) = await pipeline.CommandAsync(host, ["--migrate"]);
        Assert.Equal(0, exitCode);
        Assert.Contains("schema: up to date", output, StringComparison.Ordinal);
        Assert.True(await pipeline.Database.HasSchemaAsync());
    }

    [Fact]
    public async Task Accept_explains_itself_and_finds_nothing_to_accept_where_all_is_well()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        Assert.Equal(0, (await pipeline.CommandAsync("Processors", ["--migrate"])).ExitCode);
        var (exitCode, output) = await pipeline.CommandAsync("Processors", ["--accept", "nonsense"]);
        Assert.Equal(2, exitCode);
        Assert.Contains("usage: --accept", output, StringComparison.Ordinal);
        Assert.Equal(1, (await pipeline.CommandAsync("Processors", ["--accept", "new_log", pipeline.Topic.Name])).ExitCode);
    }
}
