using Pipeline.Oracle;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests.Metrics;

/// <summary>The processor dies while it adds up days, and is started again.</summary>
public sealed class KilledDaysTests
{
    static readonly TimeSpan Within = TimeSpan.FromSeconds(60);

    static readonly (string, string) Often = ("Pipeline__Processors__DaysInterval", "00:00:01");

    [Fact]
    public async Task Killed_wherever_days_are_added_up_no_figure_changes_and_the_last_one_ends_it()
    {
        var trace = Traces.Of(Seeds.Next().Next());
        var (early, late) = (trace.Take(trace.Count / 2).ToList(), trace.Skip(trace.Count / 2).ToList());
        await using var pipeline = await PipelineUnderTest.CreateAsync(partitions: 1);
        var ingest = await pipeline.StartIngestAsync();
        await pipeline.Topic.PublishAsync(early.Select(StatisticsApiTests.Record));
        var processors = await pipeline.StartProcessorsAsync(Often);
        await pipeline.StoredToTheEndAsync();
        await processors.KillAsync();
        // A store from before there were days.
        await pipeline.Database.RowsAsync("""
            WITH days AS (DELETE FROM rev_1.activity_days), notes AS (DELETE FROM rev_1.changed_days)
            UPDATE rev_1.days_state SET noted_before = '2000-01-01 00:00Z', added_up_before = '2000-01-01 00:00Z'
            """, _ => 0);
        foreach (var point in (string[])["InsideMove", "InsideDays", "InsideChanged"])
        {
            processors = await pipeline.StartProcessorsAsync(Often, ("PIPELINE_ARMED", $"{point}:KILL:1"));
            if (point == "InsideChanged")
                await pipeline.Topic.PublishAsync(late.Select(StatisticsApiTests.Record));
            Assert.Equal(128 + HostProcess.SigKill, await processors.ExitAsync(Within));
            if (point != "InsideChanged")
                await CompareAsync(ingest, MetricsOracle.Of(early));
        }
        await pipeline.StartProcessorsAsync(Often);
        await pipeline.StoredToTheEndAsync();
        await CompareAsync(ingest, MetricsOracle.Of(trace));
        await pipeline.DaysAddedUpAsync();
        await CompareAsync(ingest, MetricsOracle.Of(trace));
        await pipeline.Watch.AssertAlwaysZeroAsync();
    }

    static async Task CompareAsync(HostProcess ingest, MetricsOracle oracle)
    {
        foreach (var user in oracle.Users)
            Assert.Empty(oracle.User(user).DifferencesTo(await StatisticsApiTests.AskAsync(ingest, $"events/stats/{Uri.EscapeDataString(user)}")));
        foreach (var project in oracle.Projects)
            Assert.Empty(oracle.Project(project).DifferencesTo(await StatisticsApiTests.AskAsync(ingest, $"stats/projects/{Uri.EscapeDataString(project)}")));
    }
}
