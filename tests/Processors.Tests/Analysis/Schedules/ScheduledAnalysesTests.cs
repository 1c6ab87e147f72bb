using System.Diagnostics.Metrics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Contracts;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis.Requests;
using Pipeline.Processors.Analysis.Schedules;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres.Tasks;
using Pipeline.Sinks.Tests.Postgres;

namespace Pipeline.Processors.Tests.Analysis.Schedules;

/// <summary>What is due is PostgreSQL's to say, one for all processes: each may have a clock of its own.</summary>
public sealed class ScheduledAnalysesTests
{
    static readonly TimeSpan Within = TimeSpan.FromSeconds(30);

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Ahead, it would take the ids of runs whose data are not there yet; behind, it would do over what was due days ago and leave out what is due.</summary>
    [Theory]
    [InlineData(3)]
    [InlineData(-3)]
    public async Task A_process_whose_clock_is_days_off_submits_what_is_due_by_PostgreSQLs_time_and_nothing_else(int daysAhead)
    {
        await using var store = await Store.MigratedAsync();
        await using var topic = await TestTopic.CreateAsync($"schedules-{Guid.NewGuid():N}", 1);
        var now = await new ScheduledRuns(store.Pool).NowAsync(Stop);
        // Once a day, an hour ago: due on this day by one clock, and at the same hour of another day by the other.
        var due = new DateTime(now.Ticks - (now.Ticks % TimeSpan.TicksPerMinute), DateTimeKind.Utc).AddHours(-1);
        var schedule = new Schedule("daily", Topics.DefaultTenant, "sum", CronExpression.Parse(string.Create(CultureInfo.InvariantCulture, $"{due.Minute} {due.Hour} * * *")),
            new ScheduleInput("items", "day", TimeSpan.FromDays(7), ScheduleEach.None, "p", null, 1, 1), new SchedulePoints([], [])) { TimeoutMs = 60_000 };
        var kafka = new KafkaOptions { BootstrapServers = TestServers.Kafka, RequestTopics = [new TopicOptions { Name = topic.Name }] };
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var breakers = new Breakers(new BreakerOptions(), TimeProvider.System, new ProcessorMetrics(services.GetRequiredService<IMeterFactory>(), TimeProvider.System), NullLogger<Breakers>.Instance);
        using var producer = new TopicProducer(kafka, breakers.Kafka, NullLogger<TopicProducer>.Instance);
        var clock = new ManualClock(new DateTimeOffset(now).AddDays(daysAhead));
        using var analyses = new ScheduledAnalyses(new ScheduleList([schedule], "schedules.yaml"), new ScheduleTools(new ScheduledRuns(store.Pool), producer, kafka, breakers, Task.CompletedTask),
            clock, NullLogger<ScheduledAnalyses>.Instance);

        await analyses.StartAsync(Stop);
        await Until.TrueAsync("a run is in the topic", Within, async () => await store.CountAsync("control.scheduled_runs WHERE produced_at IS NOT NULL") > 0);
        await analyses.StopAsync(Stop);

        var (dueAt, id, state) = Assert.Single(await store.Database.RowsAsync("SELECT due_at, request_id, state FROM control.scheduled_runs JOIN control.tasks USING (tenant, request_id)", r => (r.GetDateTime(0), r.GetString(1), r.GetInt16(2))));
        Assert.Equal((due, 1), (dueAt, state));
        Assert.StartsWith(string.Create(CultureInfo.InvariantCulture, $"{Topics.ScheduledRequests}daily/{due:yyyyMMdd'T'HHmm'Z'}/"), id, StringComparison.Ordinal);
    }
}
