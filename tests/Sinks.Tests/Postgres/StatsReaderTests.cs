using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres;
using static Pipeline.Sinks.Tests.Postgres.Events.Rows;

namespace Pipeline.Sinks.Tests.Postgres;

public sealed class StatsReaderTests
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;
    static readonly DateTime Start = DateTime.UnixEpoch.AddTicks(Monday * 10);
    const long Quarter = 15 * 60_000_000L;

    [Fact]
    public async Task An_unknown_user_is_told_apart_from_one_without_annotations()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 1, Row(0, user: "known")), Stop);
        var reader = new StatsReader(store.Pool);
        var unknown = await reader.UserAsync("default", "nobody'; DROP TABLE activity;--", null, null, null, Stop);
        Assert.False(unknown.Known);
        Assert.Empty(unknown.Projects);
        Assert.False((await reader.UserAsync("other-tenant", "known", null, null, null, Stop)).Known);
        Assert.True((await reader.UserAsync("default", "known", Start.AddDays(1), null, null, Stop)) is { Known: true, Projects: [] });
    }

    [Fact]
    public async Task Windows_include_their_start_and_exclude_their_end()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 5,
            Row(0, durationMs: 100, occurredAtUs: Monday - 1), Row(1, durationMs: 200, occurredAtUs: Monday), Row(2, durationMs: double.NaN, occurredAtUs: Monday + Quarter - 1),
            Row(3, durationMs: 2_000_000, occurredAtUs: Monday + Quarter), Row(4, durationMs: 800.5, occurredAtUs: Monday + Quarter, project: "q")), Stop);
        var reader = new StatsReader(store.Pool);
        Task<UserFigures> Read(DateTime? from, DateTime? to, string? project = null) => reader.UserAsync("default", "u", from, to, project, Stop);

        Assert.Equal([new ProjectFigures("p", 2, 200, 1, Start.AddTicks((Quarter - 1) * 10))], (await Read(Start, Start.AddMinutes(15))).Projects);
        Assert.Equal([new ProjectFigures("p", 1, 100, 1, Start.AddTicks(-10))], (await Read(null, Start)).Projects);
        Assert.Equal([new ProjectFigures("p", 1, 0, 0, Start.AddMinutes(15)), new ProjectFigures("q", 1, 800.5, 1, Start.AddMinutes(15))], (await Read(Start.AddMinutes(15), null)).Projects);
        Assert.Equal([("p", 4L), ("q", 1L)], (await Read(null, null)).Projects.Select(p => (p.ProjectId, p.TotalAnnotations)));
        Assert.Equal(["q"], (await Read(null, null, "q")).Projects.Select(p => p.ProjectId));
        Assert.Empty((await Read(Start, Start)).Projects);
    }

    [Fact]
    public async Task Sums_go_over_partitions_and_only_annotations_count()
    {
        await using var store = await Store.MigratedAsync();
        EventWriterPair pair = new(await store.OwnerAsync(0), await store.OwnerAsync(1));
        await pair.One.WriteAsync(Batch(0, 1, Row(0, Id(1))), Stop);
        await pair.Other.WriteAsync(Batch(0, 1, Row(0, Id(2), durationMs: 500)), Stop);
        await store.ExecuteAsync("INSERT INTO rev_1.activity SELECT bucket, first_at, last_at, events, succeeded, durations, duration_us, duration_outliers, log_id, $1, tenant, user_id, project_id, tool, annotation_type FROM rev_1.activity",
            (short)EventType.TaskStatus);
        var figures = Assert.Single((await new StatsReader(store.Pool).UserAsync("default", "u", null, null, null, Stop)).Projects);
        Assert.Equal((2, 1500, 2), (figures.TotalAnnotations, figures.TotalTimeMs, figures.Durations));
    }

    sealed record EventWriterPair(Sinks.Postgres.Events.EventWriter One, Sinks.Postgres.Events.EventWriter Other);
}
